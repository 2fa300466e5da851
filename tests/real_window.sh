#!/usr/bin/env bash
# Starts the real program under a virtual display, drives it as a person would, and fails when something is off.
# Usage: tests/real_window.sh target/release/doppelganger [folder for screenshots]
# Needs the Debian packages xvfb, xdotool, xclip, imagemagick, libxkbcommon-x11-0, libgl1 and libgl1-mesa-dri.
set -euo pipefail

binary=$(realpath "${1:?usage: tests/real_window.sh BINARY [FOLDER]}")
work=$(mktemp -d)
shots=${2:-$work}
mkdir -p "$shots" "$work/config"
export DOPPELGANGER_CONFIG_DIR=$work/config DOPPELGANGER_RUNS=$work/runs DOPPELGANGER_RESULTS=$work/results
unset WAYLAND_DISPLAY WAYLAND_SOCKET DISPLAY
# No D-Bus, so that no portal opens a file dialog that these keys do not reach.
unset DBUS_SESSION_BUS_ADDRESS
export XDG_RUNTIME_DIR=$work
server= program=

finish() {
    [ -n "$program" ] && kill "$program" 2>/dev/null || true
    [ -n "$server" ] && kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "real_window: $1" >&2
    if [ -s "$work/log" ]; then sed 's/^/  program: /' "$work/log" >&2; fi
    exit 1
}

# Tries a command until it succeeds: up to a number of tenths of a second.
eventually() {
    local tenths=$1
    shift
    for _ in $(seq "$tenths"); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

for tool in Xvfb xdotool xclip import compare identify; do
    command -v "$tool" >/dev/null || fail "$tool is missing (packages xvfb, xdotool, xclip, imagemagick)"
done

# Without a display: exit code 2, and help.
code=0
"$binary" >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 2 ] || fail "without a display the exit code is $code, expected 2"
for word in libxkbcommon-x11-0 libgl1 libgl1-mesa-dri xvfb "doppelganger attack"; do
    grep -q -- "$word" "$work/err" || fail "without a display the message does not name $word: $(cat "$work/err")"
done
# A display that does not answer is the same.
code=0
DISPLAY=:987 "$binary" >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 2 ] || fail "with a dead display the exit code is $code, expected 2: $(cat "$work/err")"

Xvfb -displayfd 3 -screen 0 1280x800x24 3>"$work/display" >/dev/null 2>&1 &
server=$!
eventually 100 test -s "$work/display" || fail "Xvfb did not start"
DISPLAY=:$(cat "$work/display")
export DISPLAY

"$binary" >"$work/log" 2>&1 &
program=$!

window=
find_window() {
    kill -0 "$program" 2>/dev/null || fail "the program ended before its window came up"
    window=$(xdotool search --onlyvisible --pid "$program" 2>/dev/null | head -n 1) && [ -n "$window" ]
}
eventually 200 find_window || fail "no window within 20 seconds"
xdotool windowfocus "$window"
# Out of the way of hover effects.
xdotool mousemove 2 798

shot() { import -window root "$shots/$1.png"; }
# The number of pixels in which two screenshots differ.
difference() {
    local count
    count=$(compare -metric AE "$shots/$1.png" "$shots/$2.png" null: 2>&1 || true)
    printf '%.0f' "${count%% *}"
}
colours() { identify -format '%k' "$shots/$1.png"; }
differs_from() {
    shot "$2"
    [ "$(difference "$1" "$2")" -gt "$3" ]
}
# Two screenshots in a row are alike: the window rests, so nothing repaints for ever and the answer is there.
rests() {
    shot "$1-a"
    sleep 0.4
    shot "$1"
    [ "$(difference "$1-a" "$1")" = 0 ]
}

has_content() { shot start && [ "$(colours start)" -gt 200 ]; }
eventually 100 has_content || fail "the window shows $(colours start) colours only; expected pictures and bars"
eventually 50 rests start || fail "the window never comes to rest"

# Keys: epsilon to another value, another sample, the theme, help and back.
reacts() {
    local name=$1 least=$2
    shift 2
    rests before || true
    "$@"
    eventually 80 differs_from before "$name" "$least" || fail "nothing changes on: $*"
    eventually 50 rests "$name" || fail "the window does not come to rest after: $*"
}
reacts eps 500 xdotool key --repeat 12 --delay 30 bracketleft
reacts sample 2000 xdotool key Next
reacts theme 200000 xdotool key ctrl+t
reacts help 20000 xdotool key F1
reacts closed 20000 xdotool key Escape

# Mouse: the first sample of the strip, then the wheel over a picture.
reacts click 2000 xdotool mousemove 85 77 click 1
reacts zoom 2000 xdotool mousemove 220 300 click --repeat 3 4
reacts moved 500 xdotool mousemove 2 798

# The system's clipboard: what it holds is what was copied, and what another program put there is pasted.
clipboard() { timeout 2 xclip -selection clipboard -o "$@" 2>/dev/null; }
holds_command() { [[ "$(clipboard)" == "doppelganger attack "* ]]; }
xdotool key ctrl+shift+k
eventually 50 holds_command || fail "the clipboard holds no command but: $(clipboard)"
read -ra words <<<"$(clipboard)"
"$binary" "${words[@]:1}" >"$work/out" 2>&1 || fail "the command that was copied fails: $(clipboard): $(cat "$work/out")"
xdotool key ctrl+shift+c
holds_picture() { clipboard -t image/png >"$work/copied.png" && [ "$(identify -format '%k' "$work/copied.png")" -gt 1 ]; }
eventually 50 holds_picture || fail "the clipboard does not hold the picture"
convert -size 28x28 gradient:white-black "PNG24:$work/gradient.png"
xclip -selection clipboard -t image/png -i "$work/gradient.png" >/dev/null 2>&1
reacts pasted 2000 xdotool key ctrl+v
xdotool key ctrl+k
sleep 0.5
xdotool type "save original"
sleep 0.5
xdotool key Return
sleep 0.5
xdotool key ctrl+a
xdotool type "$work/saved.png"
xdotool key Return
eventually 50 test -s "$work/saved.png" || fail "the pasted picture was not saved"
[ "$(compare -metric AE "$work/gradient.png" "$work/saved.png" null: 2>&1)" = 0 ] || fail "another picture was pasted"
# The notices of it go by themselves.
sleep 7

# Without a file dialog of the system, the path is completed: Tab takes the one folder, and in it the one picture.
mkdir -p "$work/holiday/写真"
cp "$work/gradient.png" "$work/holiday/写真/猫の写真.png"
reacts open 20000 xdotool key ctrl+o
xdotool type "$work/holi"
for _ in folder folder picture; do
    sleep 1
    xdotool key Tab
done
sleep 1
reacts opened 20000 xdotool key Return

# Another size.
reacts small 20000 xdotool windowsize "$window" 900 600
reacts large 20000 xdotool windowsize "$window" 1280 800

# A path that leads nowhere gives a notice, and the pictures stay.
reacts question 20000 xdotool key ctrl+o
xdotool type "/no/such/picture.png"
reacts notice 5000 xdotool key Return

# The Train tab: begin a run, see epochs arrive, pause, save the plots, attack the net, and back.
xdotool key ctrl+BackSpace
reacts train 50000 xdotool key ctrl+2
xdotool key ctrl+Return
run=$work/runs/run-0001
has_epochs() { [ -s "$run/history.csv" ] && [ "$(wc -l <"$run/history.csv")" -gt 2 ]; }
eventually 600 has_epochs || fail "no epochs within a minute of pressing Train"
shot training
xdotool key space
eventually 100 rests paused || fail "a paused run does not leave the window at rest"
paused_at=$(wc -l <"$run/history.csv")
xdotool key ctrl+p
sleep 1
xdotool key ctrl+a
xdotool type "$shots/plots.png"
xdotool key Return
eventually 100 test -s "$shots/plots.png" || fail "the plots were not saved"
[ "$(identify -format '%k' "$shots/plots.png")" -gt 20 ] || fail "the picture of the plots is empty"
# The notice of it goes by itself.
sleep 7
reacts attacked 50000 xdotool key u
reacts back 50000 xdotool key ctrl+2
[ "$(wc -l <"$run/history.csv")" = "$paused_at" ] || fail "a paused run went on"
reacts stopped 500 xdotool key ctrl+period
reacts explore 50000 xdotool key ctrl+1

# Idle: no more than a few hundredths of a second of processor time in two seconds.
ticks() { awk '{print $14 + $15}' "/proc/$program/stat"; }
sleep 1.5
before=$(ticks)
sleep 2
spent=$(($(ticks) - before))
[ "$spent" -le 10 ] || fail "an idle window used $spent hundredths of a second in two seconds"

# Closing: exit code 0, settings written.
close() {
    xdotool key ctrl+q
    code=0
    eventually 100 bash -c "! kill -0 $program 2>/dev/null" || fail "the window does not close"
    wait "$program" || code=$?
    program=
    [ "$code" = 0 ] || fail "closing the window ends with code $code"
}
xdotool windowmove "$window" 60 40 windowsize "$window" 1100 720
sleep 2
close
grep -q '"version"' "$work/config/settings.json" || fail "no settings were written"
grep -q 'panicked' "$work/log" && fail "the program panicked"
[ -s "$run/checkpoint.safetensors" ] || fail "the run was not kept"
grep -q '猫の写真.png' "$work/config/settings.json" || fail "the picture of the completed path was not opened"

# Opened again, the window is where it was, as large as it was; where that is off the screen, it is brought back in.
geometry() { xdotool getwindowgeometry --shell "$window" | grep -E '^(X|Y|WIDTH|HEIGHT)=' | tr '\n' ' '; }
comes_back() {
    "$binary" >>"$work/log" 2>&1 &
    program=$!
    eventually 200 find_window || fail "no window at the second start"
    sleep 2
    [ "$(geometry)" = "$1" ] || fail "the window came back at $(geometry), expected $1"
    xdotool windowfocus "$window"
    close
}
comes_back "X=60 Y=40 WIDTH=1100 HEIGHT=720 "
sed -i '/"corner"/,/]/ s/60\.0/6000.0/' "$work/config/settings.json"
comes_back "X=180 Y=40 WIDTH=1100 HEIGHT=720 "
grep -q 'panicked' "$work/log" && fail "the program panicked"
echo "real_window: clipboard, completion, place, window, keys, mouse, sizes, notices, training, idle and exit are as they should be"
