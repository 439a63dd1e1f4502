package cmd

import "os"

// reloadSignals: Windows has none, the changed file is noticed instead. An
// empty list would mean every signal to os/signal, so it holds one that never
// comes.
var reloadSignals = []os.Signal{os.Kill}
