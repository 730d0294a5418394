# needs: jq
jq -c 'map(select(.id % 100 == 0)) | group_by(.tags[0]) |
       map({t: .[0].tags[0], n: length, s: (map(.nested.value) | add | floor)})' data.json
jq '[.[] | .tags[]] | unique | length' data.json
jq -r '.[].name' data.json | cksum
jq . <<< '{"a":' 2>/dev/null
echo $?
