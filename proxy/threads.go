package proxy

import (
	"sync"

	"llmgw/providers/dialect"
	"llmgw/providers/llm"
	"llmgw/store"
)

// threadsKept is how many answers that threads go on from are remembered.
const threadsKept = 16384

// threads remembers who keeps the conversations that clients of Anthropic's go
// on with by the id of the last answer: the provider and the credential that
// gave it, and nobody else.
type threads struct {
	mu      sync.Mutex
	holders map[string]string // by the answer's id
	order   []string          // of the ids, a ring
	next    int
}

func newThreads() *threads { return &threads{holders: make(map[string]string)} }

// note remembers who gave an answer. The oldest is forgotten for it.
func (th *threads) note(id, holder string) {
	th.mu.Lock()
	defer th.mu.Unlock()
	if _, known := th.holders[id]; known {
		return // an id is given once
	}
	if len(th.order) < threadsKept {
		th.order = append(th.order, id)
	} else {
		delete(th.holders, th.order[th.next])
		th.order[th.next] = id
		th.next = (th.next + 1) % threadsKept
	}
	th.holders[id] = holder
}

// holder is who gave the answer, "" when nobody knows.
func (th *threads) holder(id string) string {
	th.mu.Lock()
	defer th.mu.Unlock()
	return th.holders[id]
}

// holder names a candidate as the keeper of threads.
func (t *candidate) holder() string { return t.up.p.Name + " " + t.cred.ID }

// bindThread leaves a call that goes on with a thread to the one who keeps it:
// the call has only what is new, so that anybody else would answer a
// conversation that they do not know. One candidate alone may be asked without
// knowing, as after a restart; it says itself if it does not have the thread.
func (c *call) bindThread() *problem {
	if c.ep.Dialect != llm.Anthropic || c.ep.Op != dialect.OpMessages {
		return nil
	}
	c.thread = dialect.ThreadIn(c.body)
	all := c.plan.targets
	if c.thread.Previous == "" {
		return nil
	}
	holder := c.g.threads.holder(c.thread.Previous)
	for _, t := range all {
		switch {
		case !t.up.p.Speaks(llm.Anthropic):
			c.skipCandidate(t, "unsupported", "the conversation is a thread that Anthropic keeps; "+t.up.p.Name+" cannot go on with it")
		case holder != t.holder() && (holder != "" || len(all) > 1):
			c.skipCandidate(t, "unsupported", "the conversation is a thread that "+t.up.p.Name+" with this key is not known to keep")
		default:
			continue
		}
		c.strayed = true
	}
	for _, t := range all {
		if !t.done {
			return nil
		}
	}
	return c.threadLost()
}

// threadLost asks the client for the whole conversation: official SDKs answer
// it with the history, as the beginning of a new thread, which any target can
// be asked (anthropic-sdk-typescript 1.12, ThreadState). A target that speaks
// another protocol answers that without a thread, and the next turn comes here
// again.
func (c *call) threadLost() *problem {
	return &problem{code: dialect.CodeThreadNotFound, message: "nobody who could be asked keeps the thread; send the whole conversation. " + c.story()}
}

// keepThread remembers who keeps the conversation that a whole answer begins or
// goes on with.
func (c *call) keepThread(a *attempt) {
	if id := a.meter.Result().ID; c.thread.Asked && a.c.words.reply == nil && id != "" && a.row.Outcome == store.OutcomeOK {
		c.g.threads.note(id, a.c.holder())
	}
}
