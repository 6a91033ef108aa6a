/* comments.h - what candor.proto says, in its comments, of messages, fields and values.
 * proto/comments.awk makes the table when candor is built, so the texts stand once. Pure. */
#ifndef CANDOR_HTTP_COMMENTS_H
#define CANDOR_HTTP_COMMENTS_H

/* owner: the name of a message or an enum, without the package. name: of its field or value; "": the owner itself.
 * NULL: nothing is said. */
const char *comment_of(const char *owner, const char *name);

#endif
