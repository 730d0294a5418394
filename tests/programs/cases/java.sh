# needs: java javac
# seconds: 120
cat > M.java <<'END'
import java.util.*;

public class M {
    public static void main(String[] a) {
        Map<String, List<Integer>> m = new TreeMap<>();
        for (int i = 0; i < 100000; i++)
            m.computeIfAbsent("k" + i % 101, k -> new ArrayList<>()).add(i);
        long s = 0;
        for (List<Integer> l : m.values())
            s += l.stream().mapToInt(x -> x).sum();
        System.out.println(s);
    }
}
END
javac M.java && java -Xmx200m -cp . M
