# Both hooks must see the same input. The dot keeps the shell from dropping newlines at its end.
remit_input=$(cat && printf .) || exit
printf '%s' "${remit_input%.}" | @RUN@ "$@" || exit
printf '%s' "${remit_input%.}" | "$remit_bin" hook @NAME@ "$@"
