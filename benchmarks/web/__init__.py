"""What the pages cost a browser: `make bench-web` measures it and writes it into docs/performance.md."""
