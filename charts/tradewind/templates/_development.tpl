{{/* Takes changed code while it runs: the image's code is copied to a volume, from which it is run; `kill` of the process
whose number is in /live/process starts it again, in the same container. For Tilt alone. */}}
{{- define "tradewind.liveCommand" -}}
command: [sh, -c]
args:
  - |
    set -eu
    code=$(python3 -c 'import pathlib, tradewind; print(pathlib.Path(tradewind.__file__).parents[1])')
    mkdir -p /live/code
    cp -R "$code/tradewind" "$code/tradewind_operator" /live/code/
    # What is compiled in the image is never compared with the sources.
    find /live/code -name __pycache__ -prune -exec rm -rf {} +
    export PYTHONPATH=/live/code
    trap 'kill "$(cat /live/process)"; wait; exit 0' TERM
    while :; do
      sh -c 'echo $$ > /live/process; exec tradewind operator run' &
      wait $! || sleep 1
    done
{{- end -}}
