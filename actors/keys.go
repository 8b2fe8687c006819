package actors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"

	"github.com/uptrace/bun"

	"viche/federation/ap"
	"viche/internal/store"
)

// keyPurpose binds a sealed private key to its use.
const keyPurpose = "actor-key"

const rsaBits = 2048

// pair is both private keys of one of our actors, opened.
type pair struct {
	uri     string
	rsa     *rsa.PrivateKey
	ed25519 ed25519.PrivateKey
}

// maxOpened bounds the private keys held in memory, opened.
const maxOpened = 4096

// opened spares the unsealing and parsing of keys that are in use.
type opened struct {
	sync.Mutex
	pairs map[int64]*pair
}

func (o *opened) get(id int64) *pair {
	o.Lock()
	defer o.Unlock()
	return o.pairs[id]
}

func (o *opened) put(id int64, p *pair) {
	o.Lock()
	defer o.Unlock()
	if len(o.pairs) >= maxOpened {
		clear(o.pairs)
	}
	o.pairs[id] = p
}

func (o *opened) drop(id int64) {
	o.Lock()
	defer o.Unlock()
	delete(o.pairs, id)
}

// RSA is the key that signs an own actor's requests, and the key's id. It is
// made at the first need, so never call it inside a Write.
func (b *Book) RSA(ctx context.Context, actorID int64) (keyID string, key *rsa.PrivateKey, err error) {
	p, err := b.pair(ctx, actorID)
	if err != nil {
		return "", nil, err
	}
	return p.uri + "#main-key", p.rsa, nil
}

// Ed25519 is the key that proves an own actor's objects, and the key's id. Like
// RSA it is made at the first need and never called inside a Write.
func (b *Book) Ed25519(ctx context.Context, actorID int64) (keyID string, key ed25519.PrivateKey, err error) {
	p, err := b.pair(ctx, actorID)
	if err != nil {
		return "", nil, err
	}
	return p.uri + "#main-ed25519", p.ed25519, nil
}

// OpenedEd25519 is Ed25519 where the key is in memory, so it may be called
// anywhere.
func (b *Book) OpenedEd25519(actorID int64) (keyID string, key ed25519.PrivateKey, ok bool) {
	p := b.opened.get(actorID)
	if p == nil {
		return "", nil, false
	}
	return p.uri + "#main-ed25519", p.ed25519, true
}

// PublicKeys are the keys of an actor as far as they are known or made.
func (b *Book) PublicKeys(ctx context.Context, idb bun.IDB, actorID int64) ([]PublicKey, error) {
	rows, err := idb.QueryContext(ctx, "select uri, kind, public from actor_keys where actor = ? order by kind desc, uri", actorID)
	if err != nil {
		return nil, fmt.Errorf("keys of actor %d: %w", actorID, store.Kind(err))
	}
	defer rows.Close()
	var list []PublicKey
	for rows.Next() {
		var k PublicKey
		if err := rows.Scan(&k.URI, &k.Kind, &k.Text); err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// KeyOwner finds a key by its id with the actor that it speaks for, and when
// it was last fetched (Unix milliseconds; 0 for our own).
func (b *Book) KeyOwner(ctx context.Context, idb bun.IDB, keyURI string) (k PublicKey, a Actor, fetched int64, err error) {
	var owner int64
	row := idb.QueryRowContext(ctx, "select uri, kind, public, actor, fetched from actor_keys where uri = ?", keyURI)
	if err = row.Scan(&k.URI, &k.Kind, &k.Text, &owner, &fetched); err != nil {
		return k, a, 0, store.Kind(err)
	}
	a, err = b.ByID(ctx, idb, owner)
	return k, a, fetched, err
}

func (b *Book) pair(ctx context.Context, actorID int64) (*pair, error) {
	if p := b.opened.get(actorID); p != nil {
		return p, nil
	}
	p, err := b.load(ctx, actorID)
	if errors.Is(err, store.ErrNotFound) {
		p, err = b.make(ctx, actorID)
	}
	if err != nil {
		return nil, fmt.Errorf("keys of actor %d: %w", actorID, err)
	}
	b.opened.put(actorID, p)
	return p, nil
}

// load reads and unseals; ErrNotFound if there are no keys yet.
func (b *Book) load(ctx context.Context, actorID int64) (*pair, error) {
	a, err := b.ByID(ctx, b.db.Read(), actorID)
	if err != nil {
		return nil, err
	}
	if !a.Local || a.Deleted {
		return nil, fmt.Errorf("%s has no private key here: %w", a.URI, store.ErrDenied)
	}
	p := &pair{uri: a.URI}
	rows, err := b.db.Read().QueryContext(ctx, "select kind, sealed from actor_keys where actor = ?", actorID)
	if err != nil {
		return nil, store.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var sealed []byte
		if err := rows.Scan(&kind, &sealed); err != nil {
			return nil, err
		}
		if err := b.unseal(p, kind, sealed); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if p.rsa == nil || p.ed25519 == nil {
		return nil, store.ErrNotFound
	}
	return p, nil
}

func (b *Book) unseal(p *pair, kind string, sealed []byte) error {
	plain, err := b.sealer.Unseal(keyPurpose, sealed)
	if err != nil {
		return fmt.Errorf("unseal: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		p.rsa = k
	case ed25519.PrivateKey:
		p.ed25519 = k
	default:
		return fmt.Errorf("key of kind %s", kind)
	}
	return nil
}

// make makes both pairs and stores them, unless another process was quicker;
// then that one's are taken.
func (b *Book) make(ctx context.Context, actorID int64) (*pair, error) {
	b.making.Lock()
	defer b.making.Unlock()
	if p, err := b.load(ctx, actorID); !errors.Is(err, store.ErrNotFound) {
		return p, err
	}
	a, err := b.ByID(ctx, b.db.Read(), actorID)
	if err != nil {
		return nil, err
	}
	long, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	short, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	longPEM, err := EncodeRSA(&long.PublicKey)
	if err != nil {
		return nil, err
	}
	keys := []struct {
		PublicKey
		private any
	}{
		{PublicKey{a.URI + "#main-key", KeyRSA, longPEM}, long},
		{PublicKey{a.URI + "#main-ed25519", KeyEd25519, ap.EncodeMultikey(short)}, edwards},
	}
	err = b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, k := range keys {
			plain, err := x509.MarshalPKCS8PrivateKey(k.private)
			if err != nil {
				return err
			}
			sealed, err := b.sealer.Seal(keyPurpose, plain)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `
				insert into actor_keys (uri, actor, kind, public, sealed, fetched) values (?, ?, ?, ?, ?, 0)
				on conflict (uri) do nothing`, k.URI, actorID, k.Kind, k.Text, sealed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.load(ctx, actorID)
}

// EncodeRSA writes a public key as actor documents carry it.
func EncodeRSA(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
