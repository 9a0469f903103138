# Written by remit: "remit hooks status" tells how its hooks stand.
remit_bin=@REMIT@
if [ ! -x "$remit_bin" ]; then
	remit_bin=$(command -v remit)
	case $remit_bin in
	/*) ;;
	*)
		printf '%s\n' @MISSING@ >&2
		exit 3
		;;
	esac
fi
