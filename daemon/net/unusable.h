/* unusable.h - what to do about a database that a start cannot use. */
#ifndef CANDOR_NET_UNUSABLE_H
#define CANDOR_NET_UNUSABLE_H

/* What is wrong has been logged; this is the last sentence. err: of store_open(), store_look() or engine_new(). */
void unusable_say(const char *path, int err);

#endif
