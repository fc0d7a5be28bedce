# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# options.sh - the options of a script, as the comment at its top declares them.  Sourced by lib.sh.
#
# That comment is what --help prints, and what parse_options goes by, so the two cannot differ:
#
#   --some-switch  sets some_switch=1
#   --name WORD    sets name=WORD
#   --count N      with "A to B" in its text, a whole number in that range; likewise where the argument is
#                  called MB or S
#   --kind K       with "one of A, B, C;" in its text, up to a semicolon or the end: one of these
#   --sample[=N]   sets sample=N, or sample=yes
#
# An option is declared at the beginning of a line, two or three spaces in; its text may go on in further
# lines.  --name=WORD is the same as --name WORD.  The script has given each variable its default before: an
# array collects the arguments of an option that may be repeated, `words` (an array) takes what is no option,
# and `arguments` what follows a double dash; a script that has no such array takes no such words.

# usage - print the comment block at the top of the calling script.
usage() {
	sed -n '4,${/^#/!q;s/^# \{0,1\}//;p}' "$0"
}

# need_number OPTION VALUE MIN MAX - refuse a value that is not a whole number in [MIN, MAX].
need_number() {
	if [[ ! $2 =~ ^[0-9]{1,12}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
		die "$1: '$2' is not a whole number from $3 to $4"
	fi
}

# need_one_of WHAT VALUE WORD... - refuse a value that is none of the words.
need_one_of() {
	local word list

	for word in "${@:3}"; do
		[[ $word != "$2" ]] || return 0
	done
	printf -v list '%s, ' "${@:3}"
	die "${1:+$1: }'$2' is not one of ${list%, }"
}

# declared NAME - of the option, whether it takes an argument (none, may, must), what that is called, and the
# text: one line; nothing if it is not declared.
declared() {
	usage | awk -v name="$1" '
		/^$/ || /^ ? ? ?--/ { inside = 0 }
		/^ ? ? ?--/ {
			kind = /^ *--[a-z-]+\[=/ ? "may" : /^ *--[a-z-]+ [^ ]/ ? "must" : "none"
			gsub(/\[=|\]/, " ")
			inside = $1 == name
			$1 = kind
		}
		inside { $1 = $1; text = text $0 " " }
		END { if (text) print text }'
}

# is_array NAME
is_array() {
	[[ $(declare -p "$1" 2>/dev/null) == "declare -a"* ]]
}

# set_option NAME VALUE TEXT - check the value against the text of the option, and take it.  No variable here may
# have the name of one of the script's.
set_option() {
	local -n opt_array=$1
	local opt_name=--${1//_/-} opt_value=$2 opt_choices

	if [[ $3 =~ ^(N|MB|S)\ (.*\ )?([0-9]+)\ to\ ([0-9]+) ]]; then
		need_number "$opt_name" "$2" "${BASH_REMATCH[3]}" "${BASH_REMATCH[4]}"
		opt_value=$((10#$2))
	elif [[ $3 =~ \ one\ of\ ([^\;]*) ]]; then
		read -ra opt_choices <<<"${BASH_REMATCH[1]//,/ }"
		need_one_of "$opt_name" "$2" "${opt_choices[@]}"
	fi
	if is_array "$1"; then
		opt_array+=("$opt_value")
	else
		printf -v "$1" %s "$opt_value"
	fi
}

# take_option WORD [NEXT] - sets taken to how many words it was.
take_option() {
	local opt=${1%%=*} opt_kind opt_text opt_value=1

	read -r opt_kind opt_text <<<"$(declared "$opt")"
	[[ $opt_kind ]] || die "unknown option '$opt': see --help"
	taken=1
	case $opt_kind:$1 in
	none:*=*) die "$opt takes no argument" ;;
	none:*) opt_text='' ;;
	*:*=*) opt_value=${1#*=} ;;
	may:*) opt_value=yes opt_text='' ;;
	must:*)
		(($# > 1)) || die "$1 needs an argument"
		opt_value=$2 taken=2
		;;
	esac
	opt=${opt#--}
	set_option "${opt//-/_}" "$opt_value" "$opt_text"
}

# parse_options WORD... - the script's own.
parse_options() {
	local -n others=words
	local taken

	while (($#)); do
		case $1 in
		--help)
			usage
			exit 0
			;;
		--)
			is_array arguments || die "unknown option '--': see --help"
			# shellcheck disable=SC2034 # the script's
			arguments=("${@:2}")
			return
			;;
		-*)
			take_option "${@:1:2}"
			shift "$taken"
			;;
		*)
			is_array words || die "'$1' is no option: see --help"
			others+=("$1")
			shift
			;;
		esac
	done
}
