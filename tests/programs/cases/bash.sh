# needs: bash
declare -A count
while read -r number first rest; do
    count[$first]=$((${count[$first]:-0} + 1)); list+=("${rest:0:9}")
done < <(head -8000 text.txt)
for key in "${!count[@]}"; do echo "$key ${count[$key]}"; done | sort
echo "${#list[@]} ${list[77]} $(printf '%s' "${list[@]:0:50}" | cksum)"
f() { local x=$1; [ "$x" -le 0 ] && echo end || f $((x - 1)); }; f 300
for i in {1..60}; do (echo "$i" | cat); done | cksum
