#!/bin/bash
# A right client of bash and curl: no streams, no retries, no pool.
field() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" <<<"$line"; }
fail() { printf '{"id": %s, "event": "error", "kind": "%s", "message": "%s", "status": null}\n' "$id" "$1" "$2"; }
while read -r line; do
    id=$(sed -n 's/.*"id": \([0-9]*\).*/\1/p' <<<"$line")
    case $line in
        *'"action": "cancel"'*) continue ;;
        *'"stream": true'*) fail NotImplementedError "no streams"; continue ;;
    esac
    messages=$(sed -n 's/.*"messages": \(\[[^]]*\]\).*/\1/p' <<<"$line")
    seconds=$(sed -n 's/.*"timeout": \([0-9.]*\).*/\1/p' <<<"$line")
    body="{\"model\": \"$(field model)\", \"messages\": $messages, \"max_tokens\": 1000}"
    answer=$(curl -sS --fail-with-body -m "$seconds" -H "Authorization: Bearer $(field api_key)" \
        -H 'Content-Type: application/json' -d "$body" "$(field base_url)/chat/completions" \
        2>/tmp/curl.$$)
    code=$?
    text=$(sed -n 's/.*"choices".*"content": "\([^"]*\)".*"usage".*}}$/\1/p' <<<"$answer")
    if [ $code -ne 0 ]; then
        fail "curl$code" "$(tr -d '"\n' </tmp/curl.$$)"
    elif [ -z "$text" ]; then
        fail NoAnswer "the body is no completion"
    else
        printf '{"id": %s, "event": "done", "text": "%s", "usage": null}\n' "$id" "$text"
    fi
    rm -f /tmp/curl.$$
done
