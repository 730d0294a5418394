#!/bin/bash
# The JSON example writes what it read, without blanks, and refuses what is none.
set -euo pipefail
json="${ALLOT_BUILD_DIR:-build}/tests/example_json"

expect() { # INPUT OUTPUT
    local got
    got=$("$json" <<<"$1")
    [ "$got" = "$2" ] || { echo "$1 -> $got, expected $2"; exit 1; }
}

refuse() { # INPUT MESSAGE
    local got
    got=$("$json" <<<"$1" 2>&1) && { echo "$1 was taken"; exit 1; }
    [ "$got" = "json: $2" ] || { echo "$1 -> $got, expected $2"; exit 1; }
}

expect '1' '1'
expect ' { "a" : [ 1 , 2.5, -3e2 ], "b" : { } , "c":[ ] } ' '{"a":[1,2.5,-300],"b":{},"c":[]}'
expect '[null, true, false, "x\"\\ \u00e9\n"]' '[null,true,false,"x\"\\ é\u000a"]'
refuse '' 'no value'
refuse '{"a" 1}' 'a colon is missing'
refuse '[1 2]' 'a comma is missing'
refuse '"abc' 'a string has no end'
refuse '["\q"]' 'bad escape'
refuse '1 2' 'more than one value'
refuse "$(printf '[%.0s' {1..300})" 'too deep'

# large enough for many chunks, and for text that outgrows its own
large=$(printf '{"id":%d,"name":"number %d"},' $(seq 1 20000 | sed 'p'))
expect "[${large%,}]" "[${large%,}]"
