@RUN@ "$@" || exit
exec "$remit_bin" hook @NAME@ "$@"
