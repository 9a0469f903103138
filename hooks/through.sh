# The hook that git would run without remit runs first, if there is one by now.
unset remit_input
if [ ! -x "$remit_before" ] || [ -d "$remit_before" ]; then
	@ALONE@exec "$remit_bin" hook @NAME@ "$@"
fi
# If that one is remit's own, it does the whole job.
{ IFS= read -r remit_line && IFS= read -r remit_line; } 2>/dev/null <"$remit_before"
case $remit_line in
'@MARK@ '*) exec "$remit_before" "$@" ;;
esac
