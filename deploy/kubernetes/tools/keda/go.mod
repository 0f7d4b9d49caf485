// The definitions of KEDA's kinds, by which our manifests are checked; nothing of it is built.
module sharpstream/keda

go 1.24

require github.com/kedacore/keda/v2 v2.21.0
