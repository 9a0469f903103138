# Runs only where git does not read what "remit use" told it: else it would look for hooks elsewhere.
[ "$1" = prepared ] || exit 0
[ -e "${GIT_DIR:-.git}"/@FILE@ ] || exit 0
[ -z "$(git config --get @MARKER@)" ] || exit 0
while read -r remit_old remit_new remit_ref; do
	case $remit_new in
	ref:*) continue ;; # another branch is checked out, and nothing is committed
	esac
	case $remit_ref in
	HEAD | refs/heads/*)
		printf '%s\n' @LOST@ >&2
		exit 3
		;;
	esac
done
