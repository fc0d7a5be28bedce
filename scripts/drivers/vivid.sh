# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a camera and a screen; a frame is in vmalloc's memory, mapped by user space, or in pages of user space's
# source: drivers/media/common/videobuf2 drivers/media/test-drivers/vivid
# modules: videobuf2-common videobuf2-memops videobuf2-v4l2 videobuf2-vmalloc videobuf2-dma-contig vivid
# set: CONFIG_VIDEOBUF2_DMA_SG= CONFIG_VIDEOBUF2_DVB=
# packages: v4l-utils
# programs: /usr/bin/v4l2-ctl
# options: --icount

# node WORD... - the first video device whose capabilities have the words.
node() {
	for video in /dev/video*; do
		/usr/bin/v4l2-ctl -d "$video" --info | grep -A 9 'Device Caps' | grep -q "$1" || continue
		echo "$video"
		return
	done
	return 1
}

stream() {
	/usr/bin/v4l2-ctl "$@" >/tmp/said 2>&1 || {
		cat /tmp/said
		return 1
	}
}

# frames OPTION... - 6 of them.  v4l2-ctl succeeds without any; it prints < or > for each.
frames() {
	stream "$@" --stream-count=6 || return
	[ "$(tr -cd '<>' </tmp/said | wc -c)" -ge 6 ] || {
		cat /tmp/said
		return 1
	}
}

work() {
	capture=$(node 'Video Capture$') && screen=$(node 'Video Output$') || return
	stream -d "$capture" --set-ctrl=osd_text_mode=2 --set-fmt-video=width=640,height=360,pixelformat=YUYV || return
	frames -d "$capture" --stream-mmap=4 --stream-to="$OUT/mapped" &&
		frames -d "$capture" --stream-user=4 --stream-to="$OUT/user" && frames -d "$screen" --stream-out-mmap=4
}

# Frames of 1280 by 720: 1.8 MB each.
measured() {
	capture=$(node 'Video Capture$') &&
		stream -d "$capture" --set-fmt-video=width=1280,height=720,pixelformat=YUYV && /latency 1000 frames "$capture" 4
}
