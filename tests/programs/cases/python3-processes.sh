# needs: python3
python3 - <<'END'
import multiprocessing, subprocess
def work(n):
    return sum(len(str(x)) for x in range(n))
if __name__ == "__main__":
    with multiprocessing.Pool(4) as pool:
        print(pool.map(work, range(1000, 9000, 500)))
    print(subprocess.run(["echo", "child"], capture_output=True).stdout)
END
