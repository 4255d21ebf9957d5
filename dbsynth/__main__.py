"""Run the command line as `python -m dbsynth`."""

from dbsynth.cli import main

if __name__ == "__main__":
    main()
