# Where git would look for hooks without remit, asked anew each time: what is installed later counts too.
remit_earlier=
while IFS= read -r remit_line; do
	case $remit_line in
	'' | @OWN@) ;;
	*) [ "$remit_line" -ef "${0%/*}" ] || remit_earlier=$remit_line ;;
	esac
done <<END
$(git config --type=path --get-all core.hooksPath 2>/dev/null)
END
remit_before=${remit_earlier:-${0%/*}/@USUAL@}/@NAME@
[ ! "$remit_before" -ef "$0" ] || remit_before=
