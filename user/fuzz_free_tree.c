// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_free_tree.c - a stream of operations (see stream.c) from whatever bytes a fuzzer thinks of
 *
 * The entry point is libFuzzer's, which AFL++ calls as well.  A difference from the model is
 * printed and ends the process, which is what fuzzers look for.
 */
#include "stream.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	stream_play(data, size);
	return 0;
}
