# bash completion for carpel(1): verbs, options, and the names of pods, containers and images.
# Names are only asked for when a daemon answers already: a TAB must not start one.
# shellcheck shell=bash

# The global options of the line, so that names come from the same instance.
_carpel_global()
{
	local i

	_carpel_options=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --socket | -n | --namespace)
			_carpel_options+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		esac
	done
}

# "(not running)" is what version says when nobody answers.
_carpel_ask()
{
	local root='' socket='' i

	_carpel_global
	for ((i = 0; i < ${#_carpel_options[@]}; i += 2)); do
		case ${_carpel_options[i]} in
		--root) root=${_carpel_options[i + 1]} ;;
		--socket) socket=${_carpel_options[i + 1]} ;;
		esac
	done
	[[ -S ${socket:-$root/run/carpel/carpel.sock} ]] || return
	[[ -n $socket ]] || _carpel_options+=(--socket "$root/run/carpel/carpel.sock")
	# compgen expands its words: nothing passes but what is plainly a name.
	"${COMP_WORDS[0]}" "${_carpel_options[@]}" "$@" 2>/dev/null | grep -xE '[A-Za-z0-9._:/@-]+'
}

_carpel_pods()
{
	_carpel_ask get pods -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}'
}

# The first word behind the verb that is neither an option nor the word "pod".
_carpel_pod_of_line()
{
	local i past=

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --socket | -n | --namespace | -c | --container | --tail | --type) ((i++)) ;;
		-* | pod) ;;
		*)
			[[ -n $past ]] && printf '%s\n' "${COMP_WORDS[i]#pod/}" && return
			past=1
			;;
		esac
	done
}

_carpel_containers()
{
	local pod

	pod=$(_carpel_pod_of_line)
	[[ -n $pod ]] && _carpel_ask get "pod/$pod" -o \
		'jsonpath={range .spec.containers[*]}{.name}{"\n"}{end}'
}

_carpel_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_carpel_verb()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --socket | -n | --namespace) ((i++)) ;;
		-*) ;;
		*)
			printf '%s\n' "${COMP_WORDS[i]}"
			return
			;;
		esac
	done
}

# What `carpel cri` proposes: its verbs, their options, and ids from a daemon that answers.
_carpel_cri()
{
	local cur=$1 prev=$2 i own='' ids='' sub=''
	local pods='--name --namespace -s --state --label -l --latest -n --last'
	local containers="$pods -p --pod --image -a --all"

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == cri ]] && break
	done
	for ((i++; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-t | --timeout) ((i++)) ;;
		-*) ;;
		*)
			sub=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $sub in
	'') _carpel_words "runp stopp rmp pods inspectp create start stop rm ps inspect update exec stats statsp
		events images inspecti rmi imagefsinfo info version runtime-config call help -t --timeout --help" "$cur" ;;
	runp) own='-r --runtime -T --cancel-timeout' ;;
	stopp) ids=pods ;;
	rmp) own='-f --force -a --all' ids=pods ;;
	pods) own="--id $pods -o --output -q --quiet -v --verbose --no-trunc" ;;
	inspectp) own="$pods -o --output -q --quiet" ids=pods ;;
	create) own='-T --cancel-timeout --no-pull' ids=pods ;;
	start) ids='ps -a' ;;
	stop) own='-t --timeout -a --all' ids='ps' ;;
	rm) own='-f --force -k --keep-logs -a --all' ids='ps -a' ;;
	ps) own="--id $containers -o --output -q --quiet -v --verbose -r --resolve-image-path --no-trunc" ;;
	inspect) own="$containers -o --output -q --quiet" ids='ps -a' ;;
	update)
		own='--cpu-period --cpu-quota --cpu-share --memory --cpuset-cpus --cpuset-mems --oom-score-adj' ids='ps'
		;;
	exec)
		own='-s --sync --timeout --name --namespace -p --pod --image --state --label -l --latest -n --last
			-q --quiet -e --ignore-errors'
		ids='ps'
		;;
	stats) own='-a --all --id -p --pod --label -o --output -s --seconds -w --watch' ids='ps' ;;
	statsp) own='--id --label -o --output -s --seconds -w --watch' ids=pods ;;
	events | imagefsinfo | call) own='-o --output' ;;
	images) own='-f --filter -o --output -q --quiet -v --verbose --digests --pinned --no-trunc' ;;
	inspecti) own='--name -f --filter -o --output -q --quiet' ids=images ;;
	rmi) own='-a --all -q --prune' ids=images ;;
	info) own='-o --output -q --quiet' ;;
	esac
	[[ -n $sub ]] || return
	case $prev in
	-o | --output)
		_carpel_words 'table json yaml jsonpath=' "$cur"
		return
		;;
	-s | --state)
		[[ $sub == pods || $sub == inspectp ]] && _carpel_words 'ready notready' "$cur"
		[[ $sub == ps || $sub == inspect ]] && _carpel_words 'created running exited unknown' "$cur"
		return
		;;
	-p | --pod) ids=pods ;;
	call)
		_carpel_words "$("${COMP_WORDS[0]}" cri call 2>/dev/null | awk 'NR > 1 { print $2 }')" "$cur"
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		_carpel_words "$own --help" "$cur"
	elif [[ $sub == runp || $sub == call || ($sub == create && $prev != create) ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ -n $ids ]]; then
		# shellcheck disable=SC2086 # several words
		_carpel_words "$(_carpel_ask cri $ids -q)" "$cur"
	fi
}

_carpel()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb own=
	local verbs='run apply create get describe logs exec attach events stats wait stop delete label annotate update
		probe image info version cri oci down help'
	local common='-n --namespace -A --all-namespaces --help'

	COMPREPLY=()
	verb=$(_carpel_verb)
	if [[ $verb == cri ]]; then
		_carpel_cri "$cur" "$prev"
		return
	fi
	case $prev in
	--root)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--socket | -f | --filename)
		if [[ $prev != -f || $verb != logs ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
		fi
		;;
	-o | --output)
		_carpel_words 'wide json yaml name jsonpath=' "$cur"
		return
		;;
	-c | --container)
		_carpel_words "$(_carpel_containers)" "$cur"
		return
		;;
	--for)
		if [[ $verb == events ]]; then
			_carpel_words "$(_carpel_pods)" "$cur"
		else
			_carpel_words 'ready running exit delete condition=' "$cur"
		fi
		return
		;;
	--type)
		_carpel_words 'readiness liveness startup' "$cur"
		return
		;;
	--types)
		_carpel_words 'Normal Warning' "$cur"
		return
		;;
	esac
	case $verb in
	'')
		if [[ $cur == -* ]]; then
			_carpel_words '--root --socket -n --namespace --help --version' "$cur"
		else
			_carpel_words "$verbs" "$cur"
		fi
		return
		;;
	run | apply | create)
		own='-f --filename --wait --wait=running --wait=ready --wait=exit --timeout --foreground --dry-run'
		;;
	get)
		own='-o --output -w --watch -l --selector --field-selector --show-labels --no-headers'
		;;
	describe) own='-l --selector' ;;
	logs)
		own='-c --container -f --follow -p --previous --timestamps --tail --limit-bytes --since
			--since-time --all-containers --prefix'
		;;
	exec | attach) own='-c --container -i --stdin -t --tty' ;;
	events) own='-o --output -w --watch -l --selector --field-selector --types --for --no-headers' ;;
	stats) own='-o --output -w --watch --interval -l --selector --containers --no-headers' ;;
	wait) own='--for --timeout -l --selector --field-selector --all' ;;
	stop) own='-l --selector --all --grace-period --wait=false --timeout' ;;
	delete)
		own='-f --filename -l --selector --field-selector --all --grace-period --now --force --ignore-not-found
			--wait=false --timeout'
		;;
	update) own='-c --container --cpus --cpu -m --memory --limits --requests --pids-limit --io' ;;
	label | annotate) own='--overwrite -l --selector --all' ;;
	probe) own='--type -c --container' ;;
	image | info) own='-o --output' ;;
	version) own='--client -o --output' ;;
	down) own='--grace-period' ;;
	esac
	if [[ $cur == -* ]]; then
		_carpel_words "$own $common" "$cur"
		return
	fi
	case $verb in
	run)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	get)
		_carpel_words "pods pod events $(_carpel_pods)" "$cur"
		;;
	describe | logs | exec | attach | events | stats | wait | stop | delete | label | annotate | update)
		_carpel_words "$(_carpel_pods)" "$cur"
		;;
	probe)
		if [[ $prev == probe ]]; then
			_carpel_words 'run http:// tcp://' "$cur"
		else
			_carpel_words "$(_carpel_pods)" "$cur"
		fi
		;;
	image)
		if [[ $prev == image ]]; then
			_carpel_words 'import list rm' "$cur"
		elif [[ " ${COMP_WORDS[*]} " == *' rm '* ]]; then
			_carpel_words "$(_carpel_ask image list -o name)" "$cur"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	esac
}

complete -o filenames -F _carpel carpel
