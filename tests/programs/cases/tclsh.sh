# needs: tclsh
tclsh <<'END'
for {set i 0} {$i < 40000} {incr i} {
    lappend l [expr {$i * 7919 % 10007}]
    dict set d k$i [list $i a]
}
puts "[lindex [lsort -integer $l] 100] [dict size $d] [string length [join $l ,]]"
puts [regexp -all {\ma\w+} [read [open text.txt]]]
END
