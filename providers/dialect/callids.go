package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"llmgw/providers/llm"
)

// callIDs gives calls ids that whoever gets them takes, each used once: some
// providers have the same ids in every turn, the tool's name for one, or none.
type callIDs struct {
	takes func(id string) bool // nil: any
	used  map[string]bool
}

// next is an id for the next call: its own where that will do, else one that is
// the same for the same call of the same conversation. The seed tells apart
// what else would be the same.
func (c *callIDs) next(seed, id string) string {
	if c.used == nil {
		c.used = map[string]bool{}
	}
	fit := id
	for n := 0; fit == "" || c.used[fit] || c.takes != nil && !c.takes(fit); n++ {
		fit = madeID(seed+id, n)
	}
	c.used[fit] = true
	return fit
}

// madeID is an id for a call whose own will not do: the same for the same call
// in every request of a conversation, and of at most 40 characters.
func madeID(id string, n int) string {
	sum := sha256.Sum256([]byte(id + "#" + strconv.Itoa(n)))
	return "call_" + hex.EncodeToString(sum[:16])
}

// callsIn are the ids of the calls in a conversation.
func callsIn(messages []llm.Message) map[string]bool {
	ids := map[string]bool{}
	for i := range messages {
		for j := range messages[i].Parts {
			if c := messages[i].Parts[j].Call; c != nil {
				ids[c.ID] = true
			}
		}
	}
	return ids
}

// openCalls are calls that wait for their results, with the ids that they had
// and have. Of two with one id the first is answered first.
type openCalls []struct{ was, is string }

func (o *openCalls) add(was, is string) {
	*o = append(*o, struct{ was, is string }{was, is})
}

// answer is the id that a result has now whose call had another.
func (o *openCalls) answer(was string) (is string, found bool) {
	for i, call := range *o {
		if call.was == was {
			*o = append((*o)[:i:i], (*o)[i+1:]...)
			return call.is, true
		}
	}
	return was, false
}
