package admin

import (
	"hydra/internal/flow"
	"hydra/internal/web"
)

// v2 is the shape of v2.0 to v26: that of v1 below /admin. Flushing is gone.
var v2 = generation{
	prefix:     "/admin",
	errors:     web.BriefErrors,
	gone:       true,
	named:      true,
	ownSession: true,
	denied:     " request denied",
	login:      flow.AcceptLogin{Persistent: true, MayDiffer: true, InTime: true},
	inTime:     true,
	places:     true,
	whole:      true,
}

func (h *Handler) routesV2(mux *web.Mux) {
	h.serve(mux, &v2, v2.errors, h.byQuery())
	h.serve(mux, &v2, v2.errors, h.shared())
	h.serve(mux, &v2, v2.errors, map[string]operation{"POST /oauth2/introspect": h.handleIntrospect})
}
