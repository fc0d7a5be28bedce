// SPDX-License-Identifier: GPL-2.0
/*
 * latency.c - how long a driver's users wait for its memory
 *
 * usage: latency TURNS frames DEVICE BUFFERS    VIDIOC_REQBUFS for so many frames, and for none
 *        latency TURNS sound DEVICE BYTES       HW_PARAMS with a buffer of that size, and HW_FREE
 *        latency TURNS mount TYPE DEVICE DIR    mount(), read only, and umount()
 *
 * Each turn does the one and then the other, a millisecond after the turn before.  Prints for each
 * of the two a line: what it is, how often, and in nanoseconds the 50th, 90th, 99th and 99.9th
 * percentile and the worst.
 *
 * The program runs before all other tasks, so what it waits for are its own calls, interrupts, and
 * whoever holds a lock that the calls take.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <linux/videodev2.h>
#include <sound/asound.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct subject {
	int (*call[2])(char **words);
	const char *name[2];
};

/* Without the type that only sparse looks at. */
enum { RW_INTERLEAVED = 3, S16_LE = 2 };

static int file;

static int die(const char *what)
{
	perror(what);
	exit(4);
}

static int request_frames(unsigned int count)
{
	struct v4l2_requestbuffers request = {
		.count = count,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};

	return ioctl(file, VIDIOC_REQBUFS, &request);
}

static int get_frames(char **words)
{
	return request_frames(atoi(words[1]));
}

static int put_frames(char **words)
{
	(void)words;
	return request_frames(0);
}

static void param_mask(struct snd_pcm_hw_params *params, int which, unsigned int bit)
{
	struct snd_mask *mask = &params->masks[which - SNDRV_PCM_HW_PARAM_FIRST_MASK];

	memset(mask, 0, sizeof(*mask));
	mask->bits[bit / 32] = 1U << bit % 32;
}

static void param_interval(struct snd_pcm_hw_params *params, int which, unsigned int value)
{
	struct snd_interval *interval;

	interval = &params->intervals[which - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL];
	interval->min = value;
	interval->max = value;
	interval->integer = 1;
}

static int get_sound(char **words)
{
	struct snd_pcm_hw_params params = { .rmask = ~0U, .info = ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params.masks); i++)
		memset(&params.masks[i], 0xff, sizeof(params.masks[i]));
	for (i = 0; i < ARRAY_SIZE(params.intervals); i++)
		params.intervals[i].max = ~0U;
	param_mask(&params, SNDRV_PCM_HW_PARAM_ACCESS, RW_INTERLEAVED);
	param_mask(&params, SNDRV_PCM_HW_PARAM_FORMAT, S16_LE);
	param_interval(&params, SNDRV_PCM_HW_PARAM_CHANNELS, 2);
	param_interval(&params, SNDRV_PCM_HW_PARAM_RATE, 48000);
	param_interval(&params, SNDRV_PCM_HW_PARAM_BUFFER_BYTES, atoi(words[1]));
	return ioctl(file, SNDRV_PCM_IOCTL_HW_PARAMS, &params);
}

static int put_sound(char **words)
{
	(void)words;
	return ioctl(file, SNDRV_PCM_IOCTL_HW_FREE);
}

static int get_mount(char **words)
{
	return mount(words[1], words[2], words[0], MS_RDONLY, NULL);
}

static int put_mount(char **words)
{
	return umount(words[2]);
}

static const struct subject frames = { { get_frames, put_frames }, { "REQBUFS(n)", "REQBUFS(0)" } };
static const struct subject sound = { { get_sound, put_sound }, { "HW_PARAMS", "HW_FREE" } };
static const struct subject mounts = { { get_mount, put_mount }, { "mount", "umount" } };

static unsigned long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static int longer(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *name, unsigned long *took, unsigned long turns)
{
	qsort(took, turns, sizeof(*took), longer);
	printf("%s %lu %lu %lu %lu %lu %lu\n", name, turns, took[turns / 2], took[turns * 9 / 10],
	       took[turns * 99 / 100], took[turns * 999 / 1000], took[turns - 1]);
}

static void measure(const struct subject *subject, char **words, unsigned long turns)
{
	unsigned long *took[2], i, start;
	int which;

	for (which = 0; which < 2; which++) {
		took[which] = calloc(turns, sizeof(*took[which]));
		if (!took[which])
			die("memory");
	}
	for (i = 0; i < turns; i++) {
		usleep(1000);
		for (which = 0; which < 2; which++) {
			start = now();
			if (subject->call[which](words))
				die(subject->name[which]);
			took[which][i] = now() - start;
		}
	}
	for (which = 0; which < 2; which++)
		print(subject->name[which], took[which], turns);
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = 50 };
	unsigned long turns = argc > 4 ? strtoul(argv[1], NULL, 10) : 0;
	const struct subject *subject = &mounts;

	if (!turns || (!strcmp(argv[2], "mount") && argc < 6)) {
		fprintf(stderr, "usage: see the top of latency.c\n");
		return 2;
	}
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		die("SCHED_FIFO");
	if (strcmp(argv[2], "mount")) {
		subject = strcmp(argv[2], "sound") ? &frames : &sound;
		file = open(argv[3], O_RDWR);
		if (file < 0)
			die(argv[3]);
	}
	measure(subject, argv + 3, turns);
	return 0;
}
