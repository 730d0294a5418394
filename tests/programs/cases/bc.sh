# needs: bc
bc -l <<'END'
scale=300; 4*a(1); e(1); sqrt(2)
define f(n) {
  if (n < 2) return (1);
  return (n * f(n - 1));
}
f(400)
END
