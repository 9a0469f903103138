# remit has nothing to do here: the hook that git would run without remit runs, if there is one by now.
[ -x "$remit_before" ] && [ ! -d "$remit_before" ] || exit 0
exec "$remit_before" "$@"
