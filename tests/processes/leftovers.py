"""Shell scripts that make it hard to end what they started; ``$1`` is the mark of each process that stays."""

# in the background, in a session of its own, orphaned in a session of its own with nothing of the environment
LEFTOVERS = """
sleep "$1" &
setsid sleep "$1" &
(env -i setsid nohup sh -c '/bin/sleep "$0" & exec /bin/sleep "$0"' "$1" >/dev/null 2>&1 &)
trap '' INT TERM HUP
echo started
sleep "$1"
"""
LEFTOVERS_COUNT = 6  # with the shell itself, whose argument the mark is

# every process starts the next one and ends; none lives for more than an instant
RELAY = """
import os, sys
sys.stdout.write("started\\n")
sys.stdout.flush()
while True:
    if os.fork():
        os._exit(0)
    if sys.argv[2] == "setsid":
        os.setsid()
"""

# three loops that fork as fast as they can, up to a number that the machine bears if nobody ends them
STORM = """
storm() {
    i=0
    while [ $i -lt 400 ]; do
        i=$((i + 1))
        [ $i -ne 50 ] || echo started
        $2 sleep "$1" &
    done
}
storm "$1" "$2" & storm "$1" "$2" & storm "$1" "$2"
wait
"""
