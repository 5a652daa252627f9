package engine

import (
	"slices"

	"vedette/internal/finding"
)

// keyUse is what a context says of the networks of its key.
type keyUse struct {
	key     int32 // number, -1 where the context says nothing
	network int32 // its place among those of the key
}

// keyNets is from where a key was used.
type keyNets struct {
	networks []netCalls
	places   map[string]int32 // of networks, once there are many
	now      int              // networks with calls in the hour up to the call at hand
	most     int              // of them at any call
}

// fewNetworks is up to how many a list is looked through sooner than a map.
const fewNetworks = 16

// place returns the place of a network among those of the key.
func (k *keyNets) place(network string) int32 {
	if k.places == nil {
		if i := slices.IndexFunc(k.networks, func(n netCalls) bool { return n.network == network }); i >= 0 {
			return int32(i)
		}
		if len(k.networks) >= fewNetworks {
			k.places = make(map[string]int32, 2*fewNetworks)
			for i, n := range k.networks {
				k.places[n.network] = int32(i)
			}
		}
	} else if i, ok := k.places[network]; ok {
		return i
	}
	i := int32(len(k.networks))
	k.networks = append(k.networks, netCalls{network: network})
	if k.places != nil {
		k.places[network] = i
	}
	return i
}

// netCalls is how many calls of a key came from a network in the hour up to
// the call at hand.
type netCalls struct {
	network string
	calls   int
}

// keyOf notes which key and which of its networks a context has, by the
// context's number among those of the calls.
func (w *groupWorker) keyOf(context, id uint32) {
	fw := &w.factWorker
	if int(context) < len(fw.uses) {
		return
	}
	u := keyUse{key: -1}
	if x := w.e.contexts.at(id); x.key != 0 && (x.address != 0 || x.endpoint != 0) {
		if name := w.network(id); name != finding.PrivateNetwork {
			u.key = int32(fw.keys.of(x.key))
			if int(u.key) == len(fw.keyNets) {
				fw.keyNets = slices.Grow(fw.keyNets, 1)[:u.key+1]
				k := &fw.keyNets[u.key]
				*k = keyNets{networks: k.networks[:0]}
			}
			u.network = fw.keyNets[u.key].place(name)
		}
	}
	fw.uses = append(fw.uses, u)
}

// enter counts a call of a context among those of the hour up to it.
func (fw *factWorker) enter(context uint32) {
	u := fw.uses[context]
	if u.key < 0 {
		return
	}
	k := &fw.keyNets[u.key]
	n := &k.networks[u.network].calls
	if *n++; *n == 1 {
		k.now++
		k.most = max(k.most, k.now)
	}
}

// leave takes out a call that is older than that.
func (fw *factWorker) leave(context uint32) {
	u := fw.uses[context]
	if u.key < 0 {
		return
	}
	k := &fw.keyNets[u.key]
	n := &k.networks[u.network].calls
	if *n--; *n == 0 {
		k.now--
	}
}

// factKeys finds the credential that called from the most networks within an
// hour. Networks are those of slices without regard to the client.
func (w *groupWorker) factKeys(f *finding.Facts) {
	for i := range w.factWorker.keyNets {
		if n := w.factWorker.keyNets[i].most; n > 0 && n >= f.KeyNetworks {
			if key := w.e.symbols.text(w.factWorker.keys.keys[i]); n > f.KeyNetworks || key < f.KeyID {
				f.KeyNetworks, f.KeyID = n, key
			}
		}
	}
}
