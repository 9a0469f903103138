exec "$remit_bin" hook @NAME@ "$@"
