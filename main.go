// Llmgw is a gateway between the LLM clients of a workstation and the services
// that answer them. What it can do stands in package cmd.
package main

import (
	"os"

	"llmgw/cmd"
)

func main() {
	os.Exit(cmd.Main())
}
