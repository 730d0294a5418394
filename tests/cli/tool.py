"""What the tests of the tool share."""
import os
import subprocess

BUILD = os.environ["ALLOT_BUILD_DIR"]
HERE = os.environ["ALLOT_TEST_DIR"]
ALLOT = os.path.join(BUILD, "allot")


def allot(*arguments, env=None, **more):
    """Runs the tool with no options in its environment but those given."""
    clean = {key: value for key, value in os.environ.items()
             if key not in ("ALLOT", "LD_PRELOAD", "NO_COLOR")}
    clean.update(env or {})
    return subprocess.run([ALLOT, *arguments], env=clean, capture_output=True, text=True,
                          check=False, **more)


def expect(result, status, out=None, err=None):
    """The exit status, and parts of stdout and stderr; "" means that nothing was written."""
    assert result.returncode == status, (result.args, result.returncode, result.stdout,
                                         result.stderr)
    for part, text in ((out, result.stdout), (err, result.stderr)):
        if part == "":
            assert text == "", (result.args, text)
        elif part is not None:
            assert part in text, (result.args, part, text)


def write(name, text, mode=0o755):
    path = os.path.join(HERE, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def compile_c(name, text, *flags):
    source = write(name + ".c", text)
    path = os.path.join(HERE, name)
    done = subprocess.run([os.environ.get("CC", "cc"), "-w", source, *flags, "-o", path],
                          capture_output=True, check=False)
    return path if done.returncode == 0 else None
