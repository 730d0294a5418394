# needs: rustc
# seconds: 120
cat > m.rs <<'END'
fn main() {
    let v: Vec<String> = (0..1000).map(|x| format!("{}", x * x)).collect();
    println!("{}", v.join(",").len());
}
END
HOME=/root rustc -O -o m m.rs 2>/dev/null && ./m
