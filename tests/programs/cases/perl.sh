# needs: perl
perl - text.txt <<'END'
while (<>) { $n{$_}++ for split }
print "$_ $n{$_}\n" for (sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n)[0..20];
END
perl -MDigest::MD5=md5_hex - <<'END'
my @a;
push @a, md5_hex($_) for 1..30000;
print join(",", (sort @a)[0..3]), "\n";
my %h = map { $_ => [1..5] } @a;
print scalar(keys %h), "\n";
END
