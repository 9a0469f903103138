# Where git would look for hooks without remit. It is asked anew by each git that runs hooks, so that what is
# installed later counts too; the hooks of one git ask once.
unset remit_pid remit_earlier
{ IFS= read -r remit_pid && IFS= read -r remit_earlier; } 2>/dev/null <"${0%/*}"/../earlier
if [ "$remit_pid" != "$PPID" ]; then
	remit_earlier=
	while IFS= read -r remit_line; do
		case $remit_line in
		'' | @OWN@) ;;
		*) [ "$remit_line" -ef "${0%/*}" ] || remit_earlier=$remit_line ;;
		esac
	done <<END
$(git config --type=path --get-all core.hooksPath 2>/dev/null)
END
	{ printf '%s\n' "$PPID" "$remit_earlier" >"${0%/*}"/../earlier; } 2>/dev/null
fi
remit_before=${remit_earlier:-${0%/*}/@USUAL@}/@NAME@
[ ! "$remit_before" -ef "$0" ] || remit_before=
