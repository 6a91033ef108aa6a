# candor: `make help` lists what can be made.
#
# VARIANT = release | debug | asan | tsan | fuzz, each in build/$(VARIANT)/. CFLAGS, CPPFLAGS and LDFLAGS are yours and
# come last. WERROR=1 makes warnings errors: for those who change candor. A newer compiler than theirs may warn of more.

# Stands in the library's header, for the compiler as well.
version_of = $(shell sed -nE 's/^.define CANDOR_VERSION_$(1) //p' client/candor.h)
MAJOR := $(call version_of,MAJOR)
MINOR := $(call version_of,MINOR)
VERSION := $(MAJOR).$(MINOR).$(call version_of,PATCH)
# docs/library.md says what a program may expect of a library with the same soname.
SONAME := libcandor.so.$(if $(filter 0,$(MAJOR)),0.$(MINOR),$(MAJOR))
VARIANT ?= release
WERROR ?=
# V=1 shows every command.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(patsubst $(B)/%,%,$@)')
B := build/$(VARIANT)

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
docdir ?= $(datadir)/doc/candor
unitdir ?= $(prefix)/lib/systemd/system
DESTDIR ?=

# What building and running needs; what tests need beside it.
PKGS := libuv libprotobuf-c sqlite3 inih libsodium libutf8proc zlib openssl jansson libsystemd
PKGS_TEST := cmocka
DEBS := pkg-config libuv1-dev libprotobuf-c-dev protobuf-c-compiler libsqlite3-dev libinih-dev libsodium-dev libutf8proc-dev libssl-dev zlib1g-dev \
	libjansson-dev libsystemd-dev node-llhttp
DEBS_TEST := libcmocka-dev gnuplot-nox g++ curl openssl python3 python3-jsonschema python3-httpx prometheus
# llhttp, which reads HTTP: Debian has its source and no library. It is made into the daemon.
LLHTTP ?= /usr/share/llhttp
LLHTTP_INCLUDE ?= /usr/share/include/llhttp
# What `make bench-peers` measures beside candor.
DEBS_PEERS := redis-server postgresql

# ---- flags ----

# A field that an initializer leaves out is 0, which mostly means absent.
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wvla -Wswitch -Wno-missing-field-initializers -Werror=implicit-function-declaration $(if $(filter 1,$(WERROR)),-Werror)
# The same events must give the same bits everywhere: no fused, no reassociated arithmetic.
STRICT_FP := -ffp-contract=off -fno-fast-math
flags_release = -O2 -g $(HARDENING)
flags_debug := -O0 -g3
flags_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
flags_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
# The fuzz targets alone are built so, by clang, which has libFuzzer.
flags_fuzz := -O2 -g -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(origin flags_$(VARIANT)),undefined)
$(error VARIANT is release, debug, asan, tsan or fuzz, not '$(VARIANT)')
endif
ifeq ($(VARIANT)-$(origin CC),fuzz-default)
CC := clang
endif

# What of these the compiler has for this processor, asked once and only when something is built. The C library checks
# sizes that are known at compile time (2), or those known when the program runs as well (3).
accepts = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -c -o /dev/null - 2>/dev/null && echo '$(1)')
hash := \#
fortify_3 = $(shell printf '$(hash)include <features.h>\n$(hash)if __USE_FORTIFY_LEVEL < 3\n$(hash)error\n$(hash)endif\n' | \
	$(CC) -Werror -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -x c -c -o /dev/null - 2>/dev/null && echo 3)
HARDENING = $(eval HARDENING := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(or $(fortify_3),2) \
	$(call accepts,-fstack-clash-protection) $(call accepts,-fcf-protection=full))$(HARDENING)

# In these the daemon looks after each event whether its lists, counts and accounts agree.
CHECKS := $(if $(filter debug asan fuzz,$(VARIANT)),-DCANDOR_CHECKS)

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)
# Only asked for when something is built, so that `make help` and `make deps` work on a bare machine.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(call pkg,--cflags,$(PKGS)) $(call pkg,--cflags,$(PKGS_TEST)))$(PKG_CFLAGS)
libs_daemon = $(call pkg,--libs,libuv libprotobuf-c sqlite3 inih libsodium libutf8proc zlib openssl libsystemd) -lm -lpthread
libs_client = $(call pkg,--libs,libuv libprotobuf-c openssl)
libs_cli = $(call pkg,--libs,libuv libprotobuf-c jansson libsodium libutf8proc openssl) -lm -lpthread
libs_test = $(call pkg,--libs,libuv libprotobuf-c sqlite3 inih libsodium libutf8proc zlib openssl jansson libsystemd $(PKGS_TEST)) -lm -lpthread

ALL_CPPFLAGS = -D_GNU_SOURCE $(CHECKS) -DCANDOR_VERSION='"$(VERSION)"' -DCANDOR_IN_TREE -I. -I$(B)/gen $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=c11 -fPIC -fvisibility=hidden $(WARN) $(STRICT_FP) $(flags_$(VARIANT)) $(CFLAGS)
# Addresses are chosen at start, and what is then known is read-only from then on.
ALL_LDFLAGS = -Wl,-z,relro,-z,now,-z,noexecstack $(filter -fsanitize=%,$(flags_$(VARIANT))) $(LDFLAGS)

# ---- sources ----

GEN_C := $(B)/gen/candor.pb-c.c
GEN_H := $(B)/gen/candor.pb-c.h
GEN_TEXTS := $(B)/gen/comments.def
src = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
GEN_O := $(GEN_C:.c=.o)
LIB_O := $(call src,lib/*.c lib/*/*.c) $(GEN_O)
# What a client needs of lib/: neither the mechanism nor the pools.
NOT_CLIENT := random hash unicode streams options similar put json json_answer json_in json_lines json_number json_pieces json_put json_string \
	envelope scan body
WIRE_O := $(filter-out $(addprefix %/,$(addsuffix .o,$(NOT_CLIENT))),$(call src,lib/*.c lib/base/*.c lib/wire/*.c)) $(B)/lib/crypto/tls.o $(GEN_O)
LLHTTP_O := $(addprefix $(B)/llhttp/,api.o http.o llhttp.o)
DAEMON_O := $(call src,daemon/*.c daemon/*/*.c) $(LLHTTP_O)
CLIENT_O := $(call src,client/*.c)
LAB_O := $(call src,client/lab/*.c)
CLI_O := $(call src,client/cli/*.c client/cli/*/*.c)
TESTLIB_O := $(call src,tests/lib/*.c)
UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c))
BLACKBOX := $(patsubst %.c,$(B)/%,$(wildcard tests/blackbox/*.c))
FAULT := $(patsubst %.c,$(B)/%,$(wildcard tests/fault/*.c))
FUZZ := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
# What calls a fuzz target: libFuzzer, or a main() that goes through the corpus.
FUZZ_MAIN := $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer,$(B)/tests/fuzz/replay.o)
# How long `make fuzz` gives each target, and which (empty: all).
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
BENCH := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))
FIGURES := $(B)/tests/figures/figures
SOAK := $(B)/tests/soak/soak
# How long `make soak` goes on.
SOAK_MINUTES ?= 60
TOOLS := $(B)/tests/trace_check
PROGRAMS := $(B)/candord $(B)/candor $(B)/libcandor.a $(B)/libcandor.so

# Kept, though only a program is made of each. All of them by name: without names FORCE were such a file too, and new
# flags would rebuild nothing.
.SECONDARY: $(addsuffix .o,$(UNIT) $(BLACKBOX) $(FAULT) $(FUZZ) $(BENCH) $(FIGURES) $(SOAK) $(TOOLS))
.DELETE_ON_ERROR:
.PHONY: all help deps deps-test need-deps need-deps-test test demo bench bench-peers bench-attacks figures soak fuzz reliability check unit blackbox fault clients \
	check-source messages \
	format install uninstall installcheck exposure clean dist \
	everything

all: need-deps ## build candord, candor and libcandor
	@$(MAKE) --no-print-directory $(PROGRAMS)

help: ## show this list
	@echo "candor $(VERSION): targets (VARIANT=$(VARIANT))"
	@sed -n 's/^\([a-z -]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 24

# ---- packages ----

# Installs those of the packages in $(1) that are missing. Services among them are neither started nor enabled, nor is what they
# recommend installed: tests start their own.
install_debs = have=$$(mktemp); \
	dpkg-query -W -f '$${Package} $${Status}\n' $(1) 2>/dev/null | sed -n 's/ install ok installed$$//p' >$$have; \
	missing=$$(for p in $(1); do grep -qx "$$p" $$have || printf '%s ' $$p; done); rm -f $$have; \
	if [ -n "$$missing" ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		echo "candor needs these Debian packages and installs them now: $$missing" >&2; \
		$$sudo apt-get update -qq && \
		policy=/usr/sbin/policy-rc.d && \
		{ [ -e $$policy ] || { trap "$$sudo rm -f $$policy" EXIT && printf '\043!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null && \
			$$sudo chmod 755 $$policy; }; } && \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null && \
		for p in $$missing; do \
			case $$p in prometheus | redis-server | postgresql) ! command -v systemctl >/dev/null || \
				$$sudo systemctl disable -q $$p 2>/dev/null || true ;; esac; \
		done; \
	fi

deps: ## install the Debian packages needed to build and run (lists them first; uses sudo if not root)
	@$(call install_debs,$(DEBS))

deps-test: deps ## also install those that the tests need
	@$(call install_debs,$(DEBS_TEST))
	@tests/clients/install.sh build/npm

need-deps:
	@pkg-config --exists $(PKGS) 2>/dev/null && command -v protoc-c >/dev/null && [ -f $(LLHTTP)/llhttp.c ] || { \
		echo "candor: libraries are missing; 'make deps' installs them (Debian: $(DEBS))" >&2; exit 1; }

need-deps-test: need-deps
	@pkg-config --exists $(PKGS_TEST) 2>/dev/null || { \
		echo "candor: tests need packages that are missing; 'make deps-test' installs them (Debian: $(DEBS_TEST))" >&2; exit 1; }

# ---- compiling ----

# New flags rebuild: the stamp changes only when its content does.
$(B)/flags: FORCE
	@mkdir -p $(B); echo '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$@
FORCE:

$(GEN_C) $(GEN_H) $(GEN_TEXTS) &: proto/candor.proto proto/generate.sh proto/comments.awk
	@mkdir -p $(B)/gen
	$(call say,PROTO)
	$(Q)proto/generate.sh $(B)/gen

$(GEN_O): $(GEN_C) $(B)/flags
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -w -c -o $@ $<

# Strict: what the grammar does not allow is an error.
$(LLHTTP_O): $(B)/llhttp/%.o: $(LLHTTP)/%.c $(B)/flags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) -DLLHTTP_STRICT_MODE=1 -I$(LLHTTP_INCLUDE) $(ALL_CFLAGS) -w -c -o $@ $<

$(B)/daemon/http/parse.o: private ALL_CPPFLAGS += -isystem $(LLHTTP_INCLUDE)

$(B)/%.o: %.c $(B)/flags | $(GEN_H)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/candord: $(DAEMON_O) $(LIB_O)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(libs_daemon)

# One object whose inner names are its own: a program that links it may have a buf_append() too.
$(B)/libcandor.a: $(CLIENT_O) $(WIRE_O)
	$(call say,AR)
	$(Q)$(LD) -r -o $(B)/libcandor.o $^ && objcopy --localize-hidden $(B)/libcandor.o && rm -f $@ && \
		$(AR) rcs $@ $(B)/libcandor.o

$(B)/libcandor.so: $(CLIENT_O) $(WIRE_O)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -shared -Wl,-soname,$(SONAME) -o $@ $^ $(libs_client)

$(B)/candor: $(CLI_O) $(LAB_O) $(CLIENT_O) $(LIB_O)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(libs_cli)

# ---- tests ----

# A test may call anything but the two main()s.
TESTABLE_O = $(filter-out $(B)/daemon/main.o,$(DAEMON_O)) $(TESTLIB_O) $(LIB_O) $(filter-out $(B)/client/cli/main.o,$(CLI_O)) \
	$(LAB_O) $(CLIENT_O)

$(B)/tests/testable.a: $(TESTABLE_O)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) qcs $@ $^ # q: files of one name from several folders all stay

$(B)/tests/trace_check: $(B)/tests/trace_check.o $(B)/tests/testable.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(libs_test)

$(B)/tests/%: $(B)/tests/%.o $(B)/tests/testable.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(libs_test)

# Their memory can be made to run out: tests/lib/fault_heap.h. And their power: tests/lib/power_vfs.h.
comma := ,
WRAP := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup fopen realpath asprintf __asprintf_chk fsync)

$(B)/tests/fault/%: $(B)/tests/fault/%.o $(B)/tests/testable.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(WRAP) -o $@ $(B)/tests/lib/fault_heap.o $^ $(libs_test)

$(FUZZ): $(B)/%: $(B)/%.o $(filter %.o,$(FUZZ_MAIN)) $(B)/tests/testable.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter -f%,$(FUZZ_MAIN)) $^ $(libs_test)

everything: $(PROGRAMS) $(TOOLS) $(UNIT) $(BLACKBOX) $(FAULT) $(FUZZ) $(BENCH) $(FIGURES) $(SOAK)

test: deps-test ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory everything
	@B=$(B) tests/run.sh

check: need-deps-test ## run every test (installs nothing)
	@$(MAKE) --no-print-directory everything
	@B=$(B) tests/run.sh

unit blackbox fault clients: need-deps-test ## run only the tests of that kind
	@$(MAKE) --no-print-directory everything
	@B=$(B) tests/run.sh $@

bench: deps-test ## measure, as ratios to bare loops on this machine (takes a few minutes)
	@$(MAKE) --no-print-directory $(PROGRAMS) $(BENCH)
	@B=$(B) tests/bench/run.sh

bench-peers: deps-test ## measure beside Redis and PostgreSQL, which it installs (takes a few minutes)
	@$(call install_debs,$(DEBS_PEERS))
	@$(MAKE) --no-print-directory $(PROGRAMS) $(BENCH)
	@B=$(B) BENCHES=peers tests/bench/run.sh

bench-attacks: deps-test ## measure what others notice of each attack, at three limits of memory (takes some minutes)
	@$(MAKE) --no-print-directory $(PROGRAMS) $(BENCH)
	@$(B)/tests/bench/attacks

figures: deps-test ## run the experiments of docs/mechanism.md and redraw its figures and tables (takes a few minutes)
	@$(MAKE) --no-print-directory $(FIGURES)
	@B=$(B) tests/figures/run.sh

soak: deps-test ## run load, kills, restarts, backups and checks for SOAK_MINUTES (60), or until something is lost
	@$(MAKE) --no-print-directory $(PROGRAMS) $(SOAK)
	@SOAK_MINUTES=$(SOAK_MINUTES) $(SOAK)

fuzz: deps-test ## fuzz with libFuzzer: FUZZ_SECONDS (60) for each of FUZZ_TARGETS (all); needs clang
	@CC='$(if $(filter default,$(origin CC)),clang,$(CC))' tests/fuzz/run.sh needs
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-targets
	@B=build/fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(FUZZ_TARGETS)

.PHONY: fuzz-targets
fuzz-targets: $(FUZZ)

reliability: deps-test ## run every fault test at full size; writes the counts into docs/reliability.md (takes long)
	@$(MAKE) --no-print-directory everything
	@B=$(B) tests/reliability.sh

demo: deps ## seven labelers, three of them misreporting: watch the weights find them
	@$(MAKE) --no-print-directory $(PROGRAMS)
	@B=$(B) tests/demo/demo.sh

check-source: ## check the source rules that a compiler does not
	@tests/check-source.sh

messages: ## list every sentence that candord and candor can say, to review the wording
	@tests/list-messages.py

format: ## run clang-format on everything
	clang-format -i $$(git ls-files '*.c' '*.h')

# ---- installing ----

FILL_IN = sed -e 's|@prefix@|$(prefix)|' -e 's|@bindir@|$(bindir)|' -e 's|@includedir@|$(includedir)|' -e 's|@libdir@|$(libdir)|' \
	-e 's|@version@|$(VERSION)|' -e 's|@libs@|$(strip $(libs_client))|'

HEADERS := client/candor.h client/candor_async.h
INNER_HEADERS := lib/message.h lib/requests.def
UNITS := $(notdir $(wildcard systemd/*.service systemd/*.socket))
TEXTS := README.md CHANGELOG.md LICENSE $(wildcard docs/*.md docs/figures/* docs/monitoring/*)
# Their names once they are installed, and the folders that are candor's alone, innermost first.
INSTALLED = $(bindir)/candord $(bindir)/candor $(libdir)/libcandor.a $(libdir)/libcandor.so.$(VERSION) $(libdir)/$(SONAME) \
	$(libdir)/libcandor.so $(libdir)/pkgconfig/candor.pc $(addprefix $(includedir)/,$(notdir $(HEADERS))) \
	$(addprefix $(includedir)/candor/,$(notdir $(INNER_HEADERS))) $(datadir)/candor/candor.proto $(addprefix $(docdir)/,$(TEXTS)) \
	$(addprefix $(unitdir)/,$(UNITS))
OWN_FOLDERS = $(includedir)/candor $(datadir)/candor $(docdir)/docs/figures $(docdir)/docs/monitoring $(docdir)/docs $(docdir)

install: all ## install under $(DESTDIR)$(prefix)
	install -d $(addprefix $(DESTDIR),$(bindir) $(libdir)/pkgconfig $(unitdir) $(OWN_FOLDERS))
	install $(B)/candord $(B)/candor $(DESTDIR)$(bindir)
	install -m 644 $(B)/libcandor.a $(DESTDIR)$(libdir)
	install -m 644 $(B)/libcandor.so $(DESTDIR)$(libdir)/libcandor.so.$(VERSION)
	ln -sf libcandor.so.$(VERSION) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libcandor.so
	install -m 644 $(HEADERS) $(DESTDIR)$(includedir)
	install -m 644 $(INNER_HEADERS) $(DESTDIR)$(includedir)/candor
	$(FILL_IN) client/candor.pc.in >$(DESTDIR)$(libdir)/pkgconfig/candor.pc
	install -m 644 proto/candor.proto $(DESTDIR)$(datadir)/candor
	for text in $(TEXTS); do install -m 644 $$text $(DESTDIR)$(docdir)/$$text || exit 1; done
	for unit in $(UNITS); do $(FILL_IN) systemd/$$unit >$(DESTDIR)$(unitdir)/$$unit || exit 1; done

uninstall: ## remove what `make install` installed
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-for folder in $(addprefix $(DESTDIR),$(OWN_FOLDERS)); do [ ! -d $$folder ] || rmdir $$folder; done

installcheck: all ## install into a scratch folder and build a program against it
	@B=$(B) tests/installcheck.sh

exposure: ## systemd's security score of the unit, from 0 (confined) to 10; fails above 2
	@command -v systemd-analyze >/dev/null || { echo "systemd-analyze is missing (Debian: systemd)" >&2; exit 1; }
	@mkdir -p build; $(FILL_IN) systemd/candord.service >build/candord.service
	@systemd-analyze security --offline=true --threshold=20 --no-pager build/candord.service

clean: ## remove build/
	rm -rf build

dist: ## make a source archive of the newest commit
	@mkdir -p build
	git archive --prefix=candor-$(VERSION)/ -o build/candor-$(VERSION).tar.gz HEAD

-include $(shell find $(B) -name '*.d' 2>/dev/null)
