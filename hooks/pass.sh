# remit has nothing to do here: the hook that git would run without remit runs, if there is one by now.
[ -x @BEFORE@ ] && [ ! -d @BEFORE@ ] || exit 0
exec @BEFORE@ "$@"
