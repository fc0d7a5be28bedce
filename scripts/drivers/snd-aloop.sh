# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a sound card that records what it plays; what is played and recorded is in vmalloc's memory, and mapped
# source: sound/core sound/drivers/aloop.c:snd-aloop
# modules: snd-pcm snd-aloop
# set: CONFIG_SND= CONFIG_SND_SEQUENCER= CONFIG_SND_OSSEMUL= CONFIG_SND_RAWMIDI= CONFIG_SND_UMP= CONFIG_SND_HWDEP=
# packages: alsa-utils
# programs: /usr/bin/aplay /usr/bin/arecord /usr/share/alsa
# options: --icount

# record NAME OPTION... - what is played must be recorded, after a silence; no byte of it is zero.  So that nothing
# is lost the guest's clock counts instructions.  What follows is whatever the ring still had.
record() {
	record_name=$1
	shift
	/usr/bin/arecord -q -D hw:0,1 -t raw -f S16_LE -c 2 -r 48000 -d 4 "$@" /tmp/recorded &
	sleep 1
	/usr/bin/aplay -q -D hw:0,0 -t raw -f S16_LE -c 2 -r 48000 "$@" /tmp/played && wait $! || return
	tr -d '\000' </tmp/recorded | head -c 192000 >"$OUT/$record_name"
	cmp "$OUT/$record_name" /tmp/played
}

work() {
	tr -d '\000' <"$PATTERN" | head -c 192000 >/tmp/played
	record read && record mapped -M && record large --buffer-time=2000000
}

# The largest buffer that the card has.
measured() {
	/latency 1000 sound /dev/snd/pcmC0D0p 1048576
}
