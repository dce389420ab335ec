package admin

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// Bounds of a patch (RFC 6902).
const (
	maxPatch        = 200     // operations
	maxPatchDepth   = 32      // segments of a pointer
	maxPatchCopied  = 1 << 17 // values that copy operations may make, in all
	maxPatchPointer = 2 << 10 // bytes
)

// patchOperation is one operation of a patch (RFC 6902 §4).
type patchOperation struct {
	Op    string          `json:"op"`
	Path  *string         `json:"path"`
	From  *string         `json:"from"`
	Value json.RawMessage `json:"value"`
}

// UnmarshalJSON refuses names that differ from those of RFC 6902 in case alone:
// encoding/json takes them for the same, other readers pass over them.
func (o *patchOperation) UnmarshalJSON(raw []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for name := range members {
		for _, exact := range []string{"op", "path", "from", "value"} {
			if name != exact && strings.EqualFold(name, exact) {
				return oauth.InvalidRequest.Hintf("The member %s of an operation is written in lower case.", exact)
			}
		}
	}
	type plain patchOperation
	return json.Unmarshal(raw, (*plain)(o))
}

// takes reports whether the operation removes, moves or copies what stands at
// a place.
func (o *patchOperation) takes(place string) bool {
	source := o.From
	switch o.Op {
	case "remove":
		source = o.Path
	case "move", "copy":
	default:
		return false
	}
	return source != nil && *source == place
}

// decodePatch reads a patch from the body, whose media type is not looked at.
func decodePatch(w http.ResponseWriter, r *http.Request) ([]patchOperation, error) {
	var patch []patchOperation
	if err := web.DecodeJSON(w, r, &patch, web.JSONOptions{}); err != nil {
		return nil, err
	}
	if patch == nil {
		return nil, oauth.InvalidRequest.Hint("A patch is a JSON array of operations.")
	}
	if len(patch) > maxPatch {
		return nil, oauth.InvalidRequest.Hintf("A patch has at most %d operations.", maxPatch)
	}
	return patch, nil
}

// patcher applies a patch to a document.
type patcher struct {
	document any // as encoding/json decodes it, with json.Number
	copied   int
	// may, if set, says whether an operation may change what the pointer
	// leads to.
	may func(pointer []string) bool
}

func wrongPatch(n int, hint string) error {
	return oauth.InvalidRequest.Hintf("Operation %d of the patch: %s", n, hint)
}

// apply applies all operations in their order; the first that fails ends it,
// and then the document is worth nothing (RFC 6902 §5).
func (p *patcher) apply(patch []patchOperation) error {
	for i, op := range patch {
		if hint := p.step(op); hint != "" {
			return wrongPatch(i, hint)
		}
	}
	return nil
}

// step applies one operation and returns what is wrong with it.
func (p *patcher) step(op patchOperation) (hint string) {
	path, hint := pointer("path", op.Path)
	if hint != "" {
		return hint
	}
	if op.Op != "test" && p.may != nil && !p.may(path) {
		return "this member must not be changed."
	}
	switch op.Op {
	case "add", "replace", "test":
		if op.Value == nil {
			return "the member value is missing."
		}
		value, err := decodeAny(op.Value)
		if err != nil {
			return "the member value is malformed."
		}
		switch op.Op {
		case "add":
			return p.add(path, value)
		case "replace":
			return p.replace(path, value)
		}
		have, ok := find(p.document, path)
		if !ok || !equalJSON(have, value) {
			return "the test fails."
		}
		return ""
	case "remove":
		_, hint = p.remove(path)
		return hint
	case "move", "copy":
		return p.transfer(op, path)
	}
	return "the member op is one of add, remove, replace, move, copy and test."
}

// transfer moves or copies a value (RFC 6902 §4.4, §4.5).
func (p *patcher) transfer(op patchOperation, path []string) (hint string) {
	from, hint := pointer("from", op.From)
	if hint != "" {
		return hint
	}
	if op.Op == "move" {
		if p.may != nil && !p.may(from) {
			return "this member must not be changed."
		}
		if len(path) > len(from) && slices.Equal(path[:len(from)], from) {
			return "a value cannot be moved into itself."
		}
		value, hint := p.remove(from)
		if hint != "" {
			return hint
		}
		return p.add(path, value)
	}
	value, ok := find(p.document, from)
	if !ok {
		return "the place that from names does not exist."
	}
	value, ok = p.clone(value)
	if !ok {
		return "the patch makes too many copies."
	}
	return p.add(path, value)
}

// pointer reads a JSON Pointer (RFC 6901). Nil stands for a member that is
// missing.
func pointer(member string, text *string) (segments []string, hint string) {
	switch {
	case text == nil:
		return nil, "the member " + member + " is missing."
	case *text == "":
		return []string{}, ""
	case (*text)[0] != '/' || len(*text) > maxPatchPointer || strings.Count(*text, "/") > maxPatchDepth:
		return nil, "the member " + member + " is not a JSON Pointer, or is too long."
	}
	segments = strings.Split((*text)[1:], "/")
	for i, s := range segments {
		for rest := s; ; {
			at := strings.IndexByte(rest, '~')
			if at < 0 {
				break
			}
			if at+1 == len(rest) || rest[at+1] != '0' && rest[at+1] != '1' {
				return nil, "the member " + member + " has a ~ that is followed by neither 0 nor 1."
			}
			rest = rest[at+2:]
		}
		segments[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	return segments, ""
}

// index reads an array index: digits without a leading zero, below the bound.
func index(segment string, bound int) (int, bool) {
	n, err := strconv.Atoi(segment)
	if err != nil || strconv.Itoa(n) != segment || n < 0 || n >= bound {
		return 0, false
	}
	return n, true
}

// find returns what a pointer leads to.
func find(document any, path []string) (any, bool) {
	for _, segment := range path {
		switch v := document.(type) {
		case map[string]any:
			inner, ok := v[segment]
			if !ok {
				return nil, false
			}
			document = inner
		case []any:
			i, ok := index(segment, len(v))
			if !ok {
				return nil, false
			}
			document = v[i]
		default:
			return nil, false
		}
	}
	return document, true
}

// put stores a value where a pointer leads to, whose parent must exist.
// change is told the parent and the last segment and returns the parent as it
// is afterwards.
func (p *patcher) put(path []string, change func(parent any, last string) (any, string)) string {
	parents := path[:len(path)-1]
	parent, ok := find(p.document, parents)
	if !ok {
		return "the place that it names does not exist."
	}
	changed, hint := change(parent, path[len(path)-1])
	if hint != "" {
		return hint
	}
	if _, grown := changed.([]any); !grown {
		return "" // objects change in place
	}
	if len(parents) == 0 {
		p.document = changed
		return ""
	}
	return p.put(parents, func(above any, last string) (any, string) {
		switch v := above.(type) {
		case map[string]any:
			v[last] = changed
		case []any:
			i, _ := index(last, len(v)) // find has just been there
			v[i] = changed
			return nil, "" // it did not grow
		}
		return above, ""
	})
}

func (p *patcher) add(path []string, value any) string {
	if len(path) == 0 {
		p.document = value
		return ""
	}
	return p.put(path, func(parent any, last string) (any, string) {
		switch v := parent.(type) {
		case map[string]any:
			v[last] = value
			return v, ""
		case []any:
			i, ok := index(last, len(v)+1)
			if last == "-" {
				i, ok = len(v), true
			}
			if !ok {
				return nil, "the array has no such place."
			}
			return slices.Insert(v, i, value), ""
		}
		return nil, "the place that it names does not exist."
	})
}

func (p *patcher) remove(path []string) (removed any, hint string) {
	removed, ok := find(p.document, path)
	if !ok {
		return nil, "the place that it names does not exist."
	}
	if len(path) == 0 {
		p.document = nil
		return removed, ""
	}
	return removed, p.put(path, func(parent any, last string) (any, string) {
		switch v := parent.(type) {
		case map[string]any:
			delete(v, last)
		case []any:
			i, _ := index(last, len(v)) // find has just been there
			return slices.Delete(slices.Clone(v), i, i+1), ""
		}
		return parent, ""
	})
}

func (p *patcher) replace(path []string, value any) string {
	if len(path) == 0 {
		p.document = value
		return ""
	}
	if _, ok := find(p.document, path); !ok {
		return "the place that it names does not exist."
	}
	return p.put(path, func(parent any, last string) (any, string) {
		switch v := parent.(type) {
		case map[string]any:
			v[last] = value
		case []any:
			i, _ := index(last, len(v)) // find has just been there
			v[i] = value
		}
		return nil, ""
	})
}

// clone copies a value, within the bound of the patch.
func (p *patcher) clone(value any) (any, bool) {
	size := 1
	if s, ok := value.(string); ok {
		size += len(s) / 64
	}
	if p.copied += size; p.copied > maxPatchCopied {
		return nil, false
	}
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			c, ok := p.clone(inner)
			if !ok {
				return nil, false
			}
			out[name] = c
		}
		return out, true
	case []any:
		out := make([]any, 0, len(v))
		for _, inner := range v {
			c, ok := p.clone(inner)
			if !ok {
				return nil, false
			}
			out = append(out, c)
		}
		return out, true
	}
	return value, true
}

// equalJSON compares as RFC 6902 §4.6 demands: numbers by their value.
func equalJSON(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, inner := range x {
			other, ok := y[name]
			if !ok || !equalJSON(inner, other) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equalJSON)
	case json.Number:
		y, ok := b.(json.Number)
		return ok && (x == y || sameNumber(string(x), string(y)))
	}
	return a == b
}

// sameNumber compares numbers, which package web has bounded.
func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

// decodeAny reads JSON without losing digits of numbers.
func decodeAny(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}
