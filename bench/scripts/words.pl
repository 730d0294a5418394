# Word statistics of a text: hashes of arrays, joins, substitutions, sorting.
use strict;
use warnings;

my (%places, %pairs, @lines);
while (my $line = <STDIN>) {
    chomp $line;
    my @words = split / /, $line;
    for my $at (0 .. $#words) {
        push @{ $places{ $words[$at] } }, $.;
        $pairs{"$words[$at - 1] $words[$at]"}++ if $at;
    }
    (my $swapped = $line) =~ s/(\w+) (\w+)/$2 $1/g;
    push @lines, join '|', reverse split //, $swapped if $. % 3 == 0;
}
my @top = sort { @{ $places{$b} } <=> @{ $places{$a} } || $a cmp $b } keys %places;
my @often = sort { $pairs{$b} <=> $pairs{$a} || $a cmp $b } keys %pairs;
my $length = 0;
$length += length for @lines;
print "$_ ", scalar @{ $places{$_} }, "\n" for @top[0 .. 19];
print "$_ $pairs{$_}\n" for @often[0 .. 19];
print scalar(@lines), " $length\n";
