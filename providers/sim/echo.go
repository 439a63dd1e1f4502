package sim

// echoModel is the model that answers with the request as it arrived.
const echoModel = "echo"

// echo is the JSON text the echo model says. Nothing cuts it.
func (c *call) echo() string {
	return string(marshal(struct {
		Provider string              `json:"provider"`
		Method   string              `json:"method"`
		Host     string              `json:"host"`
		Path     string              `json:"path"`
		Query    string              `json:"query"`
		Headers  map[string][]string `json:"headers"`
		Body     string              `json:"body"`
	}{c.sim.opt.Name, c.row.Method, c.r.Host, c.row.Path, c.row.Query, c.row.Header, string(c.body)}))
}
