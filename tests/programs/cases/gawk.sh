# needs: gawk
gawk '{ n[$2]++; s[$3] = s[$3] $1 }
      END { PROCINFO["sorted_in"] = "@ind_str_asc"
            for (k in n) print k, n[k], length(s[k]) }' text.txt
gawk -F, '{ gsub(/a/, "<&>"); x = x substr($0, 1, 3) } END { print length(x) }' table.csv
