# SPDX-License-Identifier: MIT
# workload.pl N - hashes, strings, sorting, a child
use strict;
use warnings;

my $n = shift;
my (%count, @lines);
for my $i (0 .. $n) {
	my $word = "w" . ($i * 7919 % 1009) x ($i % 5 + 1);
	$count{$word}++;
	push @lines, join ",", map { $_ x ($i % 7) } qw(a b c), $word;
}
my @keys = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print scalar(@keys), " $keys[0] $keys[-1]\n";
my $text = join "\n", @lines;
(my $other = $text) =~ s/(\w)(\w+)/$2$1/g;
print length($other), " ", unpack("%32C*", $other), "\n";
my @tree = map { { id => $_, children => [1 .. $_ % 17] } } 1 .. $n;
my $sum = 0;
$sum += @{ $_->{children} } for @tree;
@tree = grep { $_->{id} % 3 } @tree;
print "$sum ", scalar(@tree), "\n";
my $block = "";
$block .= chr($_ % 256) x 1000 for 1 .. $n / 10;
substr($block, 1000, 5000) = "";
print length($block), "\n";
my $pid = open(my $pipe, "-|") // die;
if (!$pid) {
	print join(" ", map { $_ * $_ } 1 .. 50), "\n";
	exit 0;
}
print <$pipe>;
