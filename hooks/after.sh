# The hook that was here before remit runs first; remit runs only if it succeeds.
unset remit_input remit_before
remit_before="${0%/*}"/@NAME@.before-remit
if [ ! -e "$remit_before" ] && [ ! -h "$remit_before" ]; then
	printf '%s\n' @GONE@ >&2
	exit 3
fi
# As in git, a hook that is not executable is not run.
if [ ! -x "$remit_before" ]; then
	exec "$remit_bin" hook @NAME@ "$@"
fi
