package store

// Answered tells whether Provider and Model name whose words the client got. If
// not, they name who was asked last, or nobody.
func (c *CallRow) Answered() bool {
	if c.Provider == "" || c.FirstToken >= 0 || c.Status != StatusError {
		return c.Provider != "" && c.FirstToken >= 0
	}
	for _, a := range c.Attempts { // an error handed on is the call's own
		if a.Outcome == c.Error && a.HTTPStatus > 0 && a.Provider == c.Provider && a.Model == c.Model {
			return true
		}
	}
	return false
}
