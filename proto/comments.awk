# comments.awk - what candor.proto says of its messages, fields and values, as rows for C: COMMENT("Message", "field", "text").
# Of a message or an enum itself the field is "". A comment is what stands right before, or behind on the same line.
#
#     awk -f proto/comments.awk proto/candor.proto

function give(owner, name, text) {
	if (text == "")
		return
	gsub(/\\/, "&&", text)
	gsub(/"/, "\\\"", text)
	printf "COMMENT(\"%s\", \"%s\", \"%s\")\n", owner, name, text
}

function join(a, b) {
	return a == "" ? b : b == "" ? a : a " " b
}

{
	line = $0
	sub(/^[ \t]+/, "", line)
	sub(/[ \t]+$/, "", line)
	behind = ""
}

line == "" {
	before = ""
	next
}

line ~ /^\/\// {
	sub(/^\/\/ ?/, "", line)
	before = join(before, line)
	next
}

{
	if ((at = index(line, "//")) > 0) {
		behind = substr(line, at + 2)
		sub(/^ /, "", behind)
		line = substr(line, 1, at - 1)
	}
	text = join(before, behind)
	before = ""
}

line ~ /^(message|enum) / {
	split(line, word, /[ {]+/)
	owner[++depth] = word[2]
	give(word[2], "", text)
	if (line ~ /}/)
		depth--
	next
}

line ~ /^oneof / {
	owner[depth + 1] = owner[depth]
	depth++
	next
}

line ~ /^}/ {
	depth--
	next
}

depth > 0 && line ~ / = [0-9]+;/ {
	sub(/ = .*/, "", line)
	n = split(line, word, / /)
	give(owner[depth], word[n], text)
}
