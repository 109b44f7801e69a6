import sys, os, warnings, json
sys.path.insert(0,'/tmp/wt/native/python'); warnings.simplefilter('ignore')
import numpy as np
from pgml_runtime import training, algorithms
from sklearn.datasets import load_diabetes, load_digits, load_breast_cancer, load_linnerud
D=dict(regression=load_diabetes(return_X_y=True), classification=load_digits(return_X_y=True))
B=load_breast_cancer(return_X_y=True); L=load_linnerud(return_X_y=True)
out='/tmp/native.models'; os.makedirs(out,exist_ok=True)
only=sys.argv[1:]
def go(name, a, t, X, y, hp):
    if y.ndim==1: y=y.reshape(-1,1)
    try: *_, e = training.fit_and_export(a,t,np.ascontiguousarray(X,float),np.ascontiguousarray(y,float),len(X)*3//4,json.dumps(hp),None,'{}','{}')
    except Exception as ex: print(name,'FIT',ex); return
    if isinstance(e,str): print(name,'NOT',e); return
    d=f'{out}/{name}'; os.makedirs(d,exist_ok=True)
    for n in 'mxyp':
        try: os.remove(f'{d}/{n}')
        except OSError: pass
    open(d+'/m','wb').write(e[0]); e[1].tofile(d+'/x'); np.ascontiguousarray(e[2]).tofile(d+'/y')
    if e[3] is not None: e[3].tofile(d+'/p')
for p in algorithms.pairs():
    if p.name.startswith('gaussian') or (only and p.name not in only): continue
    X,y=D[p.task]
    if p.task=='classification': X,y=X[:900],y[:900]
    hp={'stochastic_gradient_descent':{'loss':'log_loss'}}.get(p.name,{}) if p.task=='classification' else {}
    if p.name=='quantile': X,y=X[:150],y[:150]
    go(f'{p.name}-{p.task}',p.name,p.task,X,y,hp)
    if p.task=='classification': go(f'{p.name}-binary',p.name,p.task,*B,hp)
    else: go(f'{p.name}-joint',p.name,p.task,*L,{})
