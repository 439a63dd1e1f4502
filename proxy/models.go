package proxy

import (
	"net/http"
	"strconv"
	"strings"

	"llmgw/providers/dialect"
	"llmgw/providers/price"
	"llmgw/store"
)

// serveModels answers GET /v1/models from the routes, in the dialect the
// headers speak. Without an exact route there is nothing of llmgw's own to
// list: the call goes to the dialect's provider like any other.
func (g *Gateway) serveModels(c *call) bool {
	models := c.set.router.listed()
	if len(models) == 0 || c.ep.Provider != "" || c.r.Method == http.MethodDelete {
		return false
	}
	body := dialect.ModelsList(c.ep.Dialect, models)
	if id := strings.TrimPrefix(c.ep.Rest, "/models"); id != "" {
		m, ok := find(models, strings.TrimPrefix(id, "/"))
		if !ok {
			return false
		}
		body = dialect.OneModel(c.ep.Dialect, m)
	}
	c.rec.RouteReason = "answered from the configured routes"
	c.rec.HTTPStatus = http.StatusOK
	c.rec.Cost, c.rec.CostSource = price.Of(0), store.CostFree
	c.sent.add(body)
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.finish(store.StatusOK)
	_, _ = c.w.Write(body)
	return true
}

// listed are the models that a route names exactly, each with the target it
// goes to first.
func (r *router) listed() []dialect.ModelInfo {
	var models []dialect.ModelInfo
	for _, rt := range r.cfg.Routes {
		if strings.ContainsAny(rt.Model, "*?") {
			continue
		}
		provider, _, _ := strings.Cut(rt.Targets[0], "/")
		models = append(models, dialect.ModelInfo{ID: rt.Model, Provider: provider})
	}
	return models
}

func find(models []dialect.ModelInfo, id string) (dialect.ModelInfo, bool) {
	for _, m := range models {
		if m.ID == id {
			return m, true
		}
	}
	return dialect.ModelInfo{}, false
}
