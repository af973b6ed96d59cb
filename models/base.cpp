namespace tokenwerk {}
